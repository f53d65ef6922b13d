/**
 * `keystead/access`: sessions in AWS accounts by chains of roles.
 *
 *     const access = await openAccountAccess('accessor.json');
 *     const session = await access.session('222222222222', 'eu-west-1');
 *     new S3Client({ region: session.region, credentials: session.credentials });
 */
export { chainText } from './access/accessor.ts';
export { KeysteadError } from './core/errors.ts';
export type { AwsKeys } from './core/roles.ts';
export {
  type AccessOptions,
  type OpenedAccess,
  openAccountAccess,
  type Session,
} from './wiring/account-access.ts';
