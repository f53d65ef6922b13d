/** The entry point `keystead/key-manager`: an application's own keys, without the service. */
export { KeysteadError } from './core/errors.ts';
export { SecretBytes } from './core/secret-bytes.ts';
export type { ChangeView } from './key-manager/change-view.ts';
export type { KeyFlow, KeyUseCase } from './key-manager/flow.ts';
export type { Lock } from './key-manager/gate.ts';
export { GetKeyError } from './key-manager/get-key-error.ts';
export {
  type CallbackReport,
  type CallbackStatus,
  type ChangeCallback,
  KeyChangedError,
} from './key-manager/key-change.ts';
export type { DefineKey, ErrorStrategy, KeyDefinition } from './key-manager/key-definition.ts';
export {
  type DefinitionRegistry,
  type FlowName,
  KeyManager,
  type KeyManagerOptions,
} from './key-manager/key-manager.ts';
export type { KeyPair, KeyPairInput } from './key-manager/key-pair.ts';
export { type KeyRing, memoryKeyRing } from './key-manager/key-ring.ts';
export type { KeySource, KeyStore, SourceWatch } from './key-manager/key-source.ts';
export { RoundTripCipher } from './key-manager/round-trip-cipher.ts';
export type { CryptoTool, SavedValue, StateRecord, StateRepository } from './key-manager/saved-state.ts';
export { scheduledRotation } from './key-manager/scheduled-rotation.ts';
export { type KeyInput, SecretKeyValue } from './key-manager/secret-key-value.ts';
export type { SingleKeyManager } from './key-manager/single-key-manager.ts';
export { watchKey } from './key-manager/watch-key.ts';
export { type DataKeyClient, dataKeySource } from './key-sources/data-key-source.ts';
export { environmentSource } from './key-sources/environment-source.ts';
export { fileSource } from './key-sources/file-source.ts';
export { moduleSource } from './key-sources/module-source.ts';
export { type KeyManagerStorage, openKeyManagerStorage, openParameterSource } from './wiring/key-manager.ts';
export { systemClock, systemRandom } from './wiring/system.ts';
