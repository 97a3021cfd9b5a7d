/** Shapes that several tools answer with. */
import type { Problem } from '../errors.ts';
import type { Hook } from '../layout/hooks.ts';
import type { TaskView } from '../workflow/implement.ts';
import type { SpecWritten } from '../workflow/specify.ts';
import { bool, many, nullable, num, object, oneOf, type Shape, str } from './shape.ts';

const PROBLEM: Shape<Problem> = object({
  rule: str,
  line: num,
  message: str,
  severity: oneOf('error', 'warning'),
});
export const PROBLEMS: Shape<readonly Problem[]> = many(PROBLEM);
export const NAMES: Shape<readonly string[]> = many(str);

export const TASK: Shape<TaskView> = object({
  id: str,
  text: str,
  phase: str,
  story: nullable(num),
  parallel: bool,
  status: oneOf('pending', 'in_progress', 'completed'),
  paths: NAMES,
});

export const HOOK: Shape<Hook> = object({
  extension: str,
  command: str,
  optional: bool,
  description: str,
  prompt: str,
  condition: str,
});

export const SPEC_WRITTEN: Shape<SpecWritten> = object({
  feature: str,
  directory: str,
  path: str,
  checklist: object({ total: num, checked: num, before: num }),
  questions: many(object({ question: str, line: num })),
  problems: PROBLEMS,
  changed: NAMES,
});
