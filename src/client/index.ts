/** The entry point `keystead/client`: the service from the outside, without the service's own dependencies. */
export { KeysteadError } from '../core/errors.ts';
export { SecretBytes } from '../core/secret-bytes.ts';
export type {
  DataKey,
  DataKeyInfo,
  DeletedDataKey,
  KekInfo,
  RewrappedDataKey,
} from './answers.ts';
export { CoalescedGets } from './coalesced-gets.ts';
export { KeysteadClient } from './http-client.ts';
export type { FailedRecord, JobOptions, JobPage } from './job.ts';
export type { CallOptions, ClientOptions } from './options.ts';
export type { Refusal, TriedRule } from './refusal.ts';
export type { GetOptions } from './request.ts';
export type { ClientAmbient } from './retry.ts';
export type {
  AuthenticatorStatus,
  CallersStatus,
  DoorReport,
  KekSecretStatus,
  ServiceStatus,
  TlsStatus,
} from './service-status.ts';
