# Keystead. Give bases pinned by digest, and the clouds whose SDKs it needs:
#   docker build --build-arg NODE_IMAGE=docker.io/library/node:24-slim@sha256:… --build-arg CLOUDS='aws gcp azure' --tag keystead .
# docs/how-to/image.md tells how to find digests, and what is in the image.
ARG NODE_IMAGE=docker.io/library/node:24-slim
# Where it runs: nothing is needed there but Node 24, no shell and no package manager.
ARG RUNTIME_IMAGE=${NODE_IMAGE}

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The base brings Node: no install script is needed.
RUN npm ci --ignore-scripts --prefer-offline --no-audit --no-fund
COPY tsconfig.json ./
COPY .ci .ci
COPY src src
RUN node .ci/bundle.ts

FROM ${NODE_IMAGE} AS clouds
ARG CLOUDS=""
WORKDIR /build
COPY package.json package-lock.json .ci/clouds.mjs ./
RUN node clouds.mjs ${CLOUDS} && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund && mkdir -p node_modules

FROM build AS materials
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY --from=clouds /build/node_modules clouds
RUN npm sbom --package-lock-only --sbom-format cyclonedx \
  | node .ci/sbom.mjs dist/cli/THIRD-PARTY-LICENSES clouds/.package-lock.json > sbom.cdx.json

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Keystead" \
  org.opencontainers.image.description="The key service of a Kubernetes cluster" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# Where the usual bases have Node.
ENV PATH=/usr/local/bin:/nodejs/bin:/usr/bin:/bin
WORKDIR /app
# The binary is a bundle: it needs no node_modules but the SDKs of clouds.
COPY --from=clouds /build/node_modules node_modules
COPY --from=build /build/dist/cli dist/cli
COPY --from=materials /build/sbom.cdx.json ./
COPY package.json LICENSE ./
USER 65532:65532
EXPOSE 8080 9000
# A sealed service is healthy: it lives and waits for people.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["node", "dist/cli/main.js", "status"]
# Node is process 1 and handles SIGTERM itself: calls in flight are answered, then it ends.
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
