/** What a gateway is opened with. Types only. */

import type { Config } from '../config/index.ts';
import type { ReloadOptions } from '../config/reload.ts';
import type { People } from '../privacy/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { Redactor } from '../telemetry/redact.ts';

export interface GatewayOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where state is kept. Undefined: nowhere, which goes with the memory store and no authentication alone. */
  readonly stateDirectory: string | undefined;
  readonly version: string;
  readonly log: Log;
  /** The one behind the log: it is told the secrets of every configuration. */
  readonly redactor?: Redactor;
  readonly now: () => number;
  /** The file that the configuration came from, and how to read it again. Absent: it was given otherwise, and stays. */
  readonly file?: Pick<ReloadOptions, 'path' | 'hash' | 'load'> & {
    /** A server refused what it was shown: its secrets are had anew at the next reading. False: not yet again; undefined: none comes from a command. */
    readonly renew?: (server: string) => boolean | undefined;
    /** The values that the configuration has from a store of secrets, a file or a command. */
    readonly secrets?: () => readonly string[];
  };
}

/** The same, with who knows what is written about people; it stands before the log. */
export interface ProvisionOptions extends GatewayOptions {
  readonly people: People;
}
