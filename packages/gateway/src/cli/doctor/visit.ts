/** One visit of the doctor: what it may use, and what it has found out by the way. */
import type { DetailedConfig } from '../../config/load.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import type { DoctorSystem } from './system.ts';

export interface Visit {
  readonly context: CliContext;
  readonly globals: GlobalOptions;
  readonly system: DoctorSystem;
  /** The state directory; nothing is made. */
  readonly state: string;
  /** Mends what can be mended without a question. */
  readonly fix: boolean;
  /** Rejects when the person does not want to wait any more. */
  readonly interrupted: Promise<never>;
}

/** With the configuration, where there is one that can be used. */
export interface Configured extends Visit {
  readonly loaded: DetailedConfig;
}
