/** Work by specification: constitution, specification, plan and tasks as files in the repository. */
export { SpecError, type Problem, type SpecErrorCode } from './errors.ts';
export { createSpecServer, type SpecServer, type SpecServerOptions } from './server.ts';
export type { Watching } from './resources/watch.ts';
export { settingsOf, type ServingSettings } from './serving/environment.ts';
export type { ToolCall } from './serving/calls.ts';
export { serveSpec, type HttpFace, type ServeSpecOptions, type ServingSpec } from './serving/serve.ts';
export { EDITORS, type Editor } from './editors/files.ts';
export { installEditor, type Installed, type InstallOptions, type KeptFile } from './editors/install.ts';
