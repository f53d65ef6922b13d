{{- define "keystead.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the release says what it is already when it holds the name of the chart. */}}
{{- define "keystead.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "keystead.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "keystead.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "keystead.selector" -}}
app.kubernetes.io/name: {{ include "keystead.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: key-service
{{- end -}}

{{- define "keystead.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "keystead.selector" . }}
{{- end -}}

{{- define "keystead.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "keystead.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "keystead.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate; empty: in the clear. */}}
{{- define "keystead.tlsSecret" -}}
{{- if .Values.tls.existingSecret -}}
{{- .Values.tls.existingSecret -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-tls" (include "keystead.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "keystead.clusterKek" -}}
{{- if hasPrefix "kms://cluster-kms" (default "kms://cluster-kms" .Values.config.kms) }}yes{{ end -}}
{{- end -}}

{{- define "keystead.adminService" -}}
{{- printf "%s-admin" (include "keystead.fullname" .) -}}
{{- end -}}

{{- define "keystead.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The configuration file: what the values say, and what the chart knows. */}}
{{- define "keystead.config" -}}
{{- $own := dict "http" (dict "listen" (printf "%s:8080" .Values.listenHost)) "grpc" (dict "listen" (printf "%s:9000" .Values.listenHost)) -}}
{{- if and (include "keystead.clusterKek" .) (eq .Values.kek.from "bootstrap") -}}
{{- $_ := set $own "kek" (dict "secret" (printf "%s/%s" .Release.Namespace .Values.kek.secretName)) -}}
{{- else if and (include "keystead.clusterKek" .) (eq .Values.kek.from "mounted") -}}
{{- $_ := set $own "kek" (dict "dir" "/etc/keystead/kek") -}}
{{- end -}}
{{- $admin := dict -}}
{{- if .Values.adminService.enabled -}}
{{- $_ := set $admin "listen" (printf "%s:8081" .Values.listenHost) -}}
{{- end -}}
{{- if .Values.adminToken.existingSecret -}}
{{- $_ := set $admin "tokenFile" (printf "/etc/keystead/admin/%s" .Values.adminToken.key) -}}
{{- end -}}
{{- if $admin -}}
{{- $_ := set $own "admin" $admin -}}
{{- end -}}
{{- if .Values.auth -}}
{{- $_ := set $own "auth" (dict "file" "/etc/keystead/access/auth.yaml") -}}
{{- end -}}
{{- if .Values.policy -}}
{{- $_ := set $own "policy" (dict "file" "/etc/keystead/access/policy.yaml") -}}
{{- end -}}
{{- if include "keystead.tlsSecret" . -}}
{{- $tls := dict "certFile" "/etc/keystead/tls/tls.crt" "keyFile" "/etc/keystead/tls/tls.key" -}}
{{- if .Values.tls.clientCaSecret -}}
{{- $_ := set $tls "clientCaFile" "/etc/keystead/client-ca/ca.crt" -}}
{{- end -}}
{{- $_ := set $own "tls" $tls -}}
{{- end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}

{{/* Whether the Pod asks the API server something: else it gets no token of its account. */}}
{{- define "keystead.needsToken" -}}
{{- $named := toYaml (list .Values.config .Values.auth .Values.extraEnv) -}}
{{- if or (and (include "keystead.clusterKek" .) (eq .Values.kek.from "bootstrap")) (contains "/var/run/secrets/kubernetes.io/serviceaccount/" $named) }}yes{{ end -}}
{{- end -}}

{{/* Seconds that calls in flight have when the service ends. */}}
{{- define "keystead.drainSeconds" -}}10{{- end -}}

{{/* What can never work, and what would lose keys or show them, is refused here, with what to do. */}}
{{- define "keystead.check" -}}
{{- include "keystead.checkTransport" . -}}
{{- include "keystead.checkKek" . -}}
{{- include "keystead.checkWorkload" . -}}
{{- end -}}

{{- define "keystead.checkTransport" -}}
{{- if not (or (include "keystead.tlsSecret" .) .Values.config.insecurePlaintext) -}}
{{- fail "keys would cross the network in the clear: give tls.existingSecret or tls.certManager, or say config.insecurePlaintext: true" -}}
{{- end -}}
{{- if and (or (has "IPv6" .Values.service.ipFamilies) (hasSuffix "DualStack" .Values.service.ipFamilyPolicy)) (not (hasPrefix "[" .Values.listenHost)) -}}
{{- fail (printf "listenHost %s is no address of IPv6, and the Services would send calls there: set listenHost: \"[::]\"" .Values.listenHost) -}}
{{- end -}}
{{- if and (eq .Values.service.ipFamilyPolicy "SingleStack") (gt (len .Values.service.ipFamilies) 1) -}}
{{- fail "service.ipFamilyPolicy: SingleStack takes one of service.ipFamilies" -}}
{{- end -}}
{{- if and .Values.tls.existingSecret .Values.tls.certManager.enabled -}}
{{- fail "the certificate is given twice: in tls.existingSecret and tls.certManager; give one of them" -}}
{{- end -}}
{{- if and .Values.tls.clientCaSecret (not (include "keystead.tlsSecret" .)) -}}
{{- fail "tls.clientCaSecret needs tls.existingSecret or tls.certManager" -}}
{{- end -}}
{{- if and .Values.tls.clientCaSecret (ne (dig "tls" "clientCertificate" "required" .Values.config) "optional") -}}
{{- fail "the probes of the kubelet have no certificate: set config.tls.clientCertificate: optional; the auth file says who needs one" -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef) -}}
{{- fail "tls.certManager.issuerRef is needed: the name of an Issuer, or name and kind of a ClusterIssuer" -}}
{{- end -}}
{{- end -}}

{{- define "keystead.checkWorkload" -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.from) (ne .Values.service.type "ClusterIP") -}}
{{- fail (printf "callers through a Service of type %s are no Pods, and the NetworkPolicy would shut them out: name them in networkPolicy.from, by ipBlock" .Values.service.type) -}}
{{- end -}}
{{- if and (eq .Values.test.caller "admin") (not .Values.adminToken.existingSecret) -}}
{{- fail "test.caller: admin needs adminToken.existingSecret" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.adminService.enabled) -}}
{{- fail "serviceMonitor scrapes through the admin Service: adminService.enabled must be true" -}}
{{- end -}}
{{- if and (eq .Values.kind "DaemonSet") .Values.autoscaling.enabled -}}
{{- fail "autoscaling is for kind: Deployment; a DaemonSet has a Pod on each of its nodes" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- $drain := int (include "keystead.drainSeconds" .) -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.preStopSeconds) $drain | int) -}}
{{- fail (printf "calls in flight would be cut off: terminationGracePeriodSeconds must be at least preStopSeconds + %d" $drain) -}}
{{- end -}}
{{- if and .Values.rbac.create (not .Values.rbac.tokenReview) -}}
{{- range (default list .Values.auth.authenticators) -}}
{{- if hasKey . "review" -}}
{{- fail (printf "the authenticator %s asks for TokenReviews: set rbac.tokenReview: true, or rbac.create: false where the account has the right already" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "keystead.checkKek" -}}
{{- $kms := default "kms://cluster-kms" .Values.config.kms -}}
{{- $uris := printf "%s %s %s" $kms (default "" .Values.config.storage) (dig "kek" "former" "" .Values.config) -}}
{{- range regexFindAll "[?&](accessKey|sessionToken|clientSecret|key|salt)=[^& ]*" $uris -1 -}}
{{- if not (regexMatch "=(env|file)(:|%3[Aa])" .) -}}
{{- fail (printf "%s of a URI in config would stand in a ConfigMap: refer to it, by env://NAME with extraEnv from a Secret, or by file:///PATH with extraVolumes" (regexFind "[A-Za-z]+" .)) -}}
{{- end -}}
{{- end -}}
{{- $inUri := regexMatch "[?&]key=" $kms -}}
{{- if and (include "keystead.clusterKek" .) (ne .Values.kek.from "none") $inUri -}}
{{- fail (printf "the KEK is given twice, in config.kms and by kek.from: %s; set kek.from: none" .Values.kek.from) -}}
{{- end -}}
{{- if and (not (include "keystead.clusterKek" .)) (eq .Values.kek.from "mounted") -}}
{{- fail "kek.from: mounted is for kms://cluster-kms; the KMS of config.kms keeps its own key: set kek.from: none" -}}
{{- end -}}
{{- if and (include "keystead.clusterKek" .) (eq .Values.kek.from "none") (not $inUri) (not (dig "kek" "fingerprint" "" .Values.config)) -}}
{{- fail "with kek.from: none each replica is given its KEK by hand, and two KEKs are two keys for one name: set config.kek.fingerprint to that of the KEK (keystead kek generate prints it)" -}}
{{- end -}}
{{- $storage := default "storage://memory" .Values.config.storage -}}
{{- $wraps := or (not (include "keystead.clusterKek" .)) (contains "mode=wrap" $kms) -}}
{{- if and $wraps (hasPrefix "storage://memory" $storage) -}}
{{- fail "storage://memory keeps wrapped data keys in one Pod and loses them with it: give a store in config.storage" -}}
{{- end -}}
{{- if and $wraps (hasPrefix "storage://no-store" $storage) -}}
{{- fail "wrapped data keys need a store, and storage://no-store keeps none: give another one in config.storage" -}}
{{- end -}}
{{- end -}}
