/** What an analysis finds. Ids are made of the category's letter and a count, so the same input gives the same ids. */
import type { Constitution } from '../grammar/constitution.ts';
import type { Entity } from '../grammar/design.ts';
import type { Plan } from '../grammar/plan.ts';
import type { Spec } from '../grammar/spec.ts';
import type { Tasks } from '../grammar/tasks.ts';
import type { TaskGraph } from '../tasks/graph.ts';
import type { Coverage } from './coverage.ts';

export type Category =
  | 'Duplication'
  | 'Ambiguity'
  | 'Underspecification'
  | 'Constitution'
  | 'Coverage'
  | 'Inconsistency';
export type Severity = 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'LOW';

export interface RawFinding {
  readonly category: Category;
  readonly severity: Severity;
  /** `spec.md:12`. */
  readonly locations: readonly string[];
  readonly summary: string;
  readonly recommendation: string;
}

export interface AnalyzeFinding extends RawFinding {
  /** `A1`, `D2`, … */
  readonly id: string;
}

/** The parsed artifacts of one feature. */
export interface Material {
  readonly spec: Spec;
  readonly plan: Plan;
  readonly tasks: Tasks;
  readonly graph: TaskGraph;
  readonly entities: readonly Entity[];
  readonly constitution: Constitution | undefined;
  /** Principles that no gate of the plan speaks of. */
  readonly ungated: readonly string[];
  readonly coverage: Coverage;
}

export type Pass = (material: Material) => readonly RawFinding[];
