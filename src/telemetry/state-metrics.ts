import { Gauge, type Registry } from '@prometheus-io/client';

/** What the service is asked when its metrics are read. All of it is known already, but for the doors. */
export interface StateProbes {
  sealed(): boolean;
  /** True while a service that starts now would not have its KEK from the Secret of `kek.secret`. */
  kekSecretFailing(): boolean;
  /** The KMS and the store. */
  doors(): Promise<readonly { readonly name: string; readonly up: boolean }[]>;
  auditFailing(): boolean;
  /** How long the oldest audit line waits already. */
  auditLagSeconds(): number;
  /** True while a broken file keeps an older one in force. */
  reloadFailed(): { readonly policy: boolean; readonly auth: boolean; readonly tls: boolean };
  /** When the certificate of the listeners expires; undefined: no TLS. */
  certificateExpires(): Date | undefined;
}

/**
 * The states of the service as gauges. Of several worker processes the worst one shows.
 */
export function exposeState(registry: Registry, probes: StateProbes): void {
  const gauge = (name: string, help: string, read: () => number) => {
    // A house that is opened anew takes the place of the former one.
    registry.removeSingleMetric(name);
    return new Gauge({
      name,
      help,
      aggregator: 'max',
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge('keystead_sealed', 'One while the service waits for its KEK.', () => Number(probes.sealed()));
  gauge('keystead_kek_secret_failing', 'One while the Secret of the KEK is gone, is another, or cannot be seen.', () =>
    Number(probes.kekSecretFailing()),
  );
  gauge('keystead_audit_failing', 'One while no audit line can be written.', () => Number(probes.auditFailing()));
  gauge('keystead_audit_lag_seconds', 'Age of the oldest audit line that is not written yet.', probes.auditLagSeconds);
  gauge('keystead_policy_reload_failed', 'One while a broken policy file keeps the former policy in force.', () =>
    Number(probes.reloadFailed().policy),
  );
  gauge('keystead_auth_reload_failed', 'One while a broken auth file keeps the former callers in force.', () =>
    Number(probes.reloadFailed().auth),
  );
  gauge('keystead_tls_reload_failed', 'One while broken TLS files keep the former certificate in force.', () =>
    Number(probes.reloadFailed().tls),
  );
  showExpiry(registry, probes);
  registry.removeSingleMetric('keystead_door_up');
  new Gauge({
    name: 'keystead_door_up',
    help: 'One while the KMS or the store passes its checks.',
    labelNames: ['door'] as const,
    aggregator: 'min',
    registers: [registry],
    async collect() {
      for (const { name, up } of await probes.doors()) this.set({ door: name }, Number(up));
    },
  });
}

/** A service without TLS has no such time; of several workers the one counts whose certificate ends first. */
function showExpiry(registry: Registry, { certificateExpires }: StateProbes): void {
  registry.removeSingleMetric('keystead_tls_certificate_not_after_seconds');
  if (certificateExpires() === undefined) return;
  new Gauge({
    name: 'keystead_tls_certificate_not_after_seconds',
    help: 'When the certificate of the listeners expires, in seconds since 1970.',
    aggregator: 'min',
    registers: [registry],
    collect() {
      this.set(Math.floor((certificateExpires()?.getTime() ?? 0) / 1000));
    },
  });
}
