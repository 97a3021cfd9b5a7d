/**
 * Files of clients that are links: many keep their settings in another folder, and often in a repository. A link is followed where it
 * leads to a file of the same user; a key goes into no repository by that way.
 */
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

export interface LinkWishes {
  /** A file of the project, else of the user. */
  readonly project: boolean;
  readonly needsKey: boolean;
  /** Another home folder. */
  readonly clientHome?: string;
}

/** Where the file is instead; undefined: it is where its path says. Throws where it is not written to. */
export async function ownLink(
  { cwd, files, home }: CliContext,
  path: string,
  { clientHome = home, needsKey, project }: LinkWishes,
): Promise<string | undefined> {
  // What leads to those folders themselves is nobody's setting.
  const below = project ? cwd : clientHome;
  const linked = await files.linked(path, below);
  if (linked === undefined) return undefined;
  if (!linked.isOwn) {
    throw new CliError(
      `${path} is a link to ${linked.path}, the file of another user: nothing was changed`,
      exitCodes.refused,
    );
  }
  if (needsKey && linked.repository !== undefined) {
    throw new CliError(
      `${path} is a link to ${linked.path}, in the repository ${linked.repository}: a key would be for all who have it. Connect with --stdio, which needs none, or put a file in the place of the link`,
      exitCodes.failed,
    );
  }
  return linked.path;
}
