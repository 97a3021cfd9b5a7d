export { startChild, type Child, type ChildExit, type ChildOptions } from './child.ts';
export { ChildError, type ChildErrorCode } from './child-error.ts';
export { killAllOnExit } from './child-group.ts';
export { createReaper, type Reaper, type ReaperOptions } from './reaper.ts';
export { childEnvironment, isRiskyVariable, type ChildEnvironment } from './environment.ts';
export { packageRun, type PackageRun, type Pin } from './package-run.ts';
export { resolveCommand, type CommandContext, type ResolvedCommand } from './command.ts';
export {
  ensurePrivateDirectory,
  FileRefusedError,
  processIsGone,
  readFileBounded,
  stateDirectory,
  tightenOrRefuse,
  writeFileAtomic,
  writeFileOnce,
  type FileRefusal,
  type WriteFileOptions,
} from './files.ts';
export { checkTrustedFile, readSecretFile, readSecretFileSync, type TrustedFile } from './trusted-files.ts';
export { acquireLock, LockTimeoutError, type AcquireLockOptions, type Lock } from './lock.ts';
export { resolveInside } from './path-guard.ts';
