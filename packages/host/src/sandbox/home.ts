/** The home of a caged server, where somebody has written one. Pure. */
import { isInside } from './inside.ts';
import type { SandboxSpec, Survey } from './spec.ts';

/** `HOME` as it was written, if the child sees it. */
export function keptHome(
  { writtenHome }: Pick<SandboxSpec, 'writtenHome'>,
  { read, write }: Pick<Survey, 'read' | 'write'>,
): string | undefined {
  const isSeen = [...read, ...write].some(
    ({ path, real }) => writtenHome !== undefined && [path, real].some((folder) => isInside(folder, writtenHome)),
  );
  return isSeen ? writtenHome : undefined;
}

/** What of the paths and the home is not given as it is asked for. */
export function cageNotes(spec: SandboxSpec, survey: Survey): readonly string[] {
  const { writtenHome } = spec;
  const notes = survey.notes ?? [];
  if (writtenHome === undefined || keptHome(spec, survey) !== undefined) return notes;
  return [
    ...notes,
    `The HOME of "env", "${writtenHome}", is not the server's: it sees no such folder. Name it in "write", or leave it out.`,
  ];
}
