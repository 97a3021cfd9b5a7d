/** A gateway inside another program: read a configuration, make a gateway of it, listen. The command line is `cli.ts`. */

export {
  configForServer,
  loadConfig,
  type Config,
  type ConfigFiles,
  type DetailedConfig,
  type LoadOptions,
} from './config/index.ts';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
