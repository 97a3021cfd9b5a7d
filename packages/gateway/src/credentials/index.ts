/**
 * Credentials: the master key, what derives from it, sealing, the local key, and the watch over the files of the state. Upstream credentials are not kept here
 * yet; who stores one seals it with the key for `token`.
 */
export { deriveKey, type KeyPurpose } from './derive.ts';
export { beginKeyChange, checkMasterKey, endKeyChange, KEY_CHECK } from './key-check.ts';
export { openLocalKey } from './local-key.ts';
export { openKeyChange, openMasterKey } from './master-key.ts';
export { seal, sealing, unseal } from './seal.ts';
export { watchState, type StateWatch } from './state-watch.ts';
