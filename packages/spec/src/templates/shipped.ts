/** The templates that come with this package, by the names spec-kit 1.0 gives them. */
import { CHECKLIST_TEMPLATE, CONSTITUTION_TEMPLATE, PLAN_TEMPLATE, SPEC_TEMPLATE, TASKS_TEMPLATE } from './core.ts';
import { DATA_MODEL_TEMPLATE, QUICKSTART_TEMPLATE, REQUIREMENTS_CHECKLIST, RESEARCH_TEMPLATE } from './design.ts';
import { PROJECT_TEMPLATES } from './projects.ts';

const SHIPPED: ReadonlyMap<string, string> = new Map([
  ['constitution-template', CONSTITUTION_TEMPLATE],
  ['spec-template', SPEC_TEMPLATE],
  ['plan-template', PLAN_TEMPLATE],
  ['tasks-template', TASKS_TEMPLATE],
  ['checklist-template', CHECKLIST_TEMPLATE],
  ['requirements-checklist-template', REQUIREMENTS_CHECKLIST],
  ['research-template', RESEARCH_TEMPLATE],
  ['data-model-template', DATA_MODEL_TEMPLATE],
  ['quickstart-template', QUICKSTART_TEMPLATE],
  ...PROJECT_TEMPLATES.map(({ id, constitution }): [string, string] => [`project-${id}`, constitution]),
]);

export const SHIPPED_NAMES: readonly string[] = [...SHIPPED.keys()];

export const shippedTemplate = (name: string): string | undefined => SHIPPED.get(name);
