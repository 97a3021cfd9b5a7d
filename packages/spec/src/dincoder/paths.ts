/** DinCoder's path arguments: an artifact of a feature, named absolutely or from the workspace, stands for the feature. */
import { SpecError } from '../errors.ts';
import { optional, type OptionalShape, text } from '../tools/shape.ts';
import { insidePath, type Project } from '../workflow/project.ts';

/** The feature folder of `path`; undefined (the feature in work) when none is given. */
export function featureOfPath(project: Project, path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  const inside = insidePath(project, path);
  const artifact = /^(.+)\/(?:spec|plan|tasks)\.md$/.exec(inside);
  if (artifact !== null) return artifact[1];
  // Any other file would silently stand for another than the one that was named.
  if (inside !== '' && !/\.[A-Za-z]{1,5}$/.test(inside)) return inside;
  const shown = JSON.stringify(path.slice(0, 200));
  throw new SpecError(
    'invalid_input',
    `${shown} is no artifact. Name spec.md, plan.md or tasks.md in the folder of a feature.`,
  );
}

export const SPEC_PATH: OptionalShape<string> = optional(
  text('spec.md of the feature. The one in work when left out.', { maxLength: 4096 }),
);
