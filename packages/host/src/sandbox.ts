/**
 * The sandbox of child processes by levels (`strict`, `standard`, `limited`, `none`), apart from the package's other entry so
 * that it is loaded only where a child is started. The way: `createDetect` once, then for each child `surveyPaths`,
 * `planSandbox`, `prepare`, `startChild`, and `release` at its end.
 */
export { containerRun, type ContainerRun } from './sandbox/container.ts';
export { createDetect, type DetectOptions } from './sandbox/detect.ts';
export { describeSandbox, type SandboxDescription } from './sandbox/describe.ts';
export { planSandbox } from './sandbox/plan.ts';
export {
  createSandboxes,
  SandboxError,
  type SandboxedLaunch,
  type Sandboxes,
  type SandboxesOptions,
} from './sandbox/prepare.ts';
export type {
  EngineFacts,
  GuardedPath,
  LevelInForce,
  MissingLayer,
  PathKind,
  SandboxDriver,
  SandboxFacts,
  SandboxLevel,
  SandboxPlan,
  SandboxSpec,
  SandboxUser,
  SeenPath,
  Survey,
  Tool,
} from './sandbox/spec.ts';
export type { CgroupController, CgroupFacts, CgroupLimits } from './sandbox/cgroup.ts';
export { isInside } from './sandbox/inside.ts';
export { surveyPaths, type SurveyContext } from './sandbox/survey.ts';
export { reachOf, type Reach } from './sandbox/reach.ts';
export { canMapOwner, withOwner } from './sandbox/owners.ts';
export { canMakeWays, withWays } from './sandbox/ways.ts';
