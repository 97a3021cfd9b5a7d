/** The commits, tags and finished tasks of a time, read from git. Names of authors are counted, not kept. */
import { git } from '../commands/git.ts';
import { SpecError } from '../errors.ts';
import type { Project } from '../workflow/project.ts';

export interface Commit {
  readonly id: string;
  /** Index of its author. */
  readonly author: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly subject: string;
  readonly merge: boolean;
  readonly files: readonly string[];
}

export interface Release {
  readonly name: string;
  readonly at: number;
  readonly commit: string;
}

export interface History {
  /** Newest first. */
  readonly commits: readonly Commit[];
  /** Tags, oldest first; merges stand in for them where there are none. */
  readonly releases: readonly Release[];
}

const MOST_COMMITS = 20_000;

function parseCommits(text: string): Commit[] {
  const authors = new Map<string, number>();
  return text.split('\u001e').flatMap((record): Commit[] => {
    const [head = '', ...files] = record.replace(/^\n+/, '').split('\n');
    const [id = '', author = '', at = '', parents = '', subject = ''] = head.split('\u001f');
    if (id === '') return [];
    if (!authors.has(author)) authors.set(author, authors.size);
    return [
      {
        id,
        author: authors.get(author) ?? 0,
        at: Number(at) * 1000,
        subject,
        merge: parents.includes(' '),
        files: files.filter((file) => file !== ''),
      },
    ];
  });
}

/** A SpecError `missing_step` outside a git repository. */
export async function readHistory(
  project: Project,
  fromMs: number,
  toMs: number,
  signal?: AbortSignal,
): Promise<History> {
  const inside = await git(project, ['rev-parse', '--is-inside-work-tree'], signal);
  if (inside.code !== 0)
    throw new SpecError('missing_step', 'This folder is in no git repository, and metrics come from its history.');
  const dates = [`--since=@${Math.floor(fromMs / 1000)}`, `--until=@${Math.ceil(toMs / 1000)}`];
  const form = '--format=%x1e%H%x1f%ae%x1f%ct%x1f%P%x1f%s';
  const log = await git(
    project,
    ['log', ...dates, `--max-count=${MOST_COMMITS}`, '--no-ext-diff', '--no-textconv', '--name-only', form],
    signal,
  );
  // A repository without a commit has no log.
  const commits = log.code === 0 ? parseCommits(log.stdout) : [];
  const tags = await git(
    project,
    [
      'for-each-ref',
      '--sort=creatordate',
      '--format=%(refname:short)%1f%(creatordate:unix)%1f%(objectname)%1f%(*objectname)',
      'refs/tags',
    ],
    signal,
  );
  const tagged = tags.stdout.split('\n').flatMap((line): Release[] => {
    const [name = '', at = '', object = '', peeled = ''] = line.split('\u001f');
    const ms = Number(at) * 1000;
    return name === '' || !(ms >= fromMs && ms <= toMs)
      ? []
      : [{ name, at: ms, commit: peeled === '' ? object : peeled }];
  });
  const merges = commits
    .filter(({ merge }) => merge)
    .map(({ id, at, subject }) => ({ name: subject, at, commit: id }))
    .toReversed();
  return { commits, releases: tagged.length > 0 ? tagged : merges };
}
