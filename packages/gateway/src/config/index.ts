/** The configuration room: one file in, one frozen `Config` out. */
export type { ServerConfig } from './types-server.ts';
export type { Config } from './types.ts';
export { configForServer, loadConfig, type ConfigFiles, type DetailedConfig, type LoadOptions } from './load.ts';
