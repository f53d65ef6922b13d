/** Keystead as a library: the house, opened, and the HTTP app on top of it. */
export { type ConfigInputs, loadConfig } from './config/load.ts';
export type { Config } from './config/schema.ts';
export { KeysteadError } from './core/errors.ts';
export { SecretBytes } from './core/secret-bytes.ts';
export type { CreateMode, DataKey, DataKeyInfo, DataKeys, GetDataKey } from './data-keys/data-keys.ts';
export { buildApp } from './server/http/app.ts';
export type { System } from './system/system.ts';
export { type Ambient, systemAmbient } from './wiring/ambient.ts';
export { openServices, type Services } from './wiring.ts';
