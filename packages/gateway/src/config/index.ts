/** The configuration room: one file in, one frozen `Config` out. */
export type { Config, ServerConfig } from './types.ts';
export { configForServer, loadConfig, type ConfigFiles, type DetailedConfig, type LoadOptions } from './load.ts';
