/** The configuration room: one file in, one frozen `Config` out. */
export type {
  ArgumentRule,
  Config,
  HttpTarget,
  LimitsConfig,
  ListenConfig,
  LoadedConfig,
  LogLevel,
  Position,
  Problem,
  ServerConfig,
  ServerTimeouts,
  StdioTarget,
  ToolRules,
} from './types.ts';
export { ConfigError, formatProblem } from './problems.ts';
export { configForServer, loadConfig, type ConfigFiles, type DetailedConfig, type LoadOptions } from './load.ts';
export { createTrustStore, type TrustFiles, type TrustStore } from './trust.ts';
