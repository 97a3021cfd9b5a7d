/**
 * Credentials: the master key, what derives from it, sealing, and the local key. Upstream credentials are not kept here
 * yet; who stores one seals it with the key for `token`.
 */
export { deriveKey, type KeyPurpose } from './derive.ts';
export { openLocalKey } from './local-key.ts';
export { openMasterKey } from './master-key.ts';
export { seal, sealing, unseal } from './seal.ts';
