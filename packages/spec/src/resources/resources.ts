/**
 * Files of the projects as resources: `spec://constitution`, `spec://features`, `spec://features/{feature}/{artifact}`,
 * `…/checklists/{name}`, `…/contracts/{name}` and `spec://templates/{name}` of the first root, and the same below
 * `spec://roots/{root}/` of every further one. Folders below a root are reached by the tools.
 */
import { type Context, type McpServer, ResourceNotFoundError, type Variables, type Viewer } from '@sallyport/server';
import { SpecError, type SpecErrorCode } from '../errors.ts';
import { listTemplates } from '../layout/custom.ts';
import { listFeatures } from '../layout/features.ts';
import { ARTIFACT_NAMES, CONSTITUTION, isArtifact, isPlainName } from '../layout/paths.ts';
import { resolveTemplate } from '../layout/templates.ts';
import { told } from '../tools/told.ts';
import type { OpenProject } from '../tools/tool.ts';
import { artifactPath, featureOf, type Project } from '../workflow/project.ts';
import { artifactsOf, projectStatus } from '../workflow/status.ts';
import { FIRST_BASE, type NamedRoot } from './roots.ts';

const MARKDOWN = 'text/markdown';

/** What these refusals mean of a URI: there is nothing at it. */
const ABSENT: ReadonlySet<SpecErrorCode> = new Set([
  'not_found',
  'missing_step',
  'outside_workspace',
  'invalid_input',
  'conflict',
]);

function failed(error: unknown): unknown {
  return error instanceof SpecError && ABSENT.has(error.code) ? new ResourceNotFoundError(error.message) : told(error);
}

/** The same function, whose refusals a client may read. */
function telling<A extends readonly unknown[], R>(run: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await run(...args);
    } catch (error) {
      throw failed(error);
    }
  };
}

const variable = (variables: Variables, name: string): string => {
  const value = variables[name];
  return typeof value === 'string' ? value : '';
};

async function textAt({ workspace }: Project, path: string): Promise<string> {
  const text = await workspace.read(path);
  if (text === undefined) throw new SpecError('not_found', `${path} does not exist.`);
  return text;
}

const beginning = (names: readonly string[], value: string): readonly string[] =>
  names.filter((name) => name.startsWith(value)).slice(0, 100);

/** Names of features that begin as written, for arguments and variables. */
export const featureNames =
  (open: OpenProject) =>
  async (value: string, context: Context): Promise<readonly string[]> =>
    namesIn(open(context), value);

const namesIn = async ({ workspace }: Project, value: string): Promise<readonly string[]> =>
  beginning(
    (await listFeatures(workspace)).map(({ name }) => name),
    value,
  );

/** Where resources of one layout begin: the first root, or any further one by the variable `root`. */
interface Place {
  /** With a `/` at its end or `//`. */
  readonly base: string;
  /** Put before the names of templates. */
  readonly prefix: string;
  /** The project that `root` names. */
  project(context: Viewer, root: string): Project;
  /** All of them, with their base. */
  projects(context: Viewer): readonly { readonly base: string; readonly project: Project }[];
  /** Completes `root`. */
  readonly roots: Readonly<Record<string, (value: string, context: Context) => readonly string[]>>;
}

type Reading = (project: Project, variables: Variables) => Promise<string>;

interface Described {
  readonly path: string;
  readonly name: string;
  readonly title: string;
  readonly mimeType: string;
  readonly complete?: Readonly<
    Record<
      string,
      (project: Project, value: string, given: Readonly<Record<string, string>>) => Promise<readonly string[]>
    >
  >;
  /** The paths there are. */
  readonly list?: (project: Project) => Promise<readonly string[]>;
  readonly read: Reading;
}

async function filesIn(project: Project, folder: 'checklists' | 'contracts', feature: string): Promise<string[]> {
  const { directory } = await featureOf(project, feature);
  const entries = await project.workspace.list(`${directory}/${folder}`);
  return entries
    .filter(({ kind }) => kind === 'file')
    .map(({ name }) => (folder === 'checklists' ? name.replace(/\.md$/, '') : name));
}

const filesOf = (folder: 'checklists' | 'contracts', title: string): Described => ({
  path: `features/{feature}/${folder}/{name}`,
  name: folder,
  title,
  mimeType: folder === 'checklists' ? MARKDOWN : 'text/plain',
  complete: {
    feature: namesIn,
    name: async (project, value, given) =>
      beginning(await filesIn(project, folder, given['feature'] ?? '').catch(() => []), value),
  },
  async read(project, variables) {
    const name = variable(variables, 'name');
    if (!isPlainName(name)) throw new SpecError('not_found', 'There is no file of this name.');
    const { directory } = await featureOf(project, variable(variables, 'feature'));
    return await textAt(project, `${directory}/${folder}/${name}${folder === 'checklists' ? '.md' : ''}`);
  },
});

async function artifactPaths(project: Project): Promise<string[]> {
  const paths: string[] = [];
  for (const feature of await listFeatures(project.workspace)) {
    for (const artifact of await artifactsOf(project, feature)) paths.push(`features/${feature.name}/${artifact}`);
  }
  return paths;
}

const READABLE: readonly Described[] = [
  {
    path: 'constitution',
    name: 'constitution',
    title: 'The constitution',
    mimeType: MARKDOWN,
    list: async () => Promise.resolve(['constitution']),
    read: async (project) => textAt(project, CONSTITUTION),
  },
  {
    path: 'features',
    name: 'features',
    title: 'Features and their progress',
    mimeType: 'application/json',
    list: async () => Promise.resolve(['features']),
    read: async (project) => JSON.stringify(await projectStatus(project), null, 2),
  },
  {
    path: 'features/{feature}/{artifact}',
    name: 'artifact',
    title: 'An artifact of a feature',
    mimeType: MARKDOWN,
    complete: {
      feature: namesIn,
      artifact: async (_project, value) => Promise.resolve(beginning(ARTIFACT_NAMES, value)),
    },
    list: artifactPaths,
    async read(project, variables) {
      const artifact = variable(variables, 'artifact');
      if (!isArtifact(artifact)) throw new SpecError('not_found', `Artifacts are ${ARTIFACT_NAMES.join(', ')}.`);
      const feature = await featureOf(project, variable(variables, 'feature'));
      return await textAt(project, artifactPath(feature, artifact));
    },
  },
  filesOf('checklists', 'A checklist of a feature'),
  filesOf('contracts', 'A contract of a feature'),
  {
    path: 'templates/{name}',
    name: 'template',
    title: 'A template as it is resolved in this project',
    mimeType: MARKDOWN,
    complete: {
      name: async ({ workspace }, value) =>
        beginning(
          (await listTemplates(workspace, {})).map(({ id }) => id),
          value,
        ),
    },
    list: async ({ workspace }) => (await listTemplates(workspace, {})).map(({ id }) => `templates/${id}`),
    read: async ({ workspace }, variables) => (await resolveTemplate(workspace, variable(variables, 'name'))).content,
  },
];

function addReadable(server: McpServer, place: Place, described: Described): void {
  const { path, title, mimeType, complete = {}, list, read } = described;
  const name = `${place.prefix}${described.name}`;
  const uriTemplate = `${place.base}${path}`;
  if (!uriTemplate.includes('{')) {
    server.addResource(
      { uri: uriTemplate, name, title, mimeType },
      telling(async (context: Context) => read(place.project(context, ''), {})),
    );
    return;
  }
  const completers = Object.entries(complete).map(
    ([known, completer]) =>
      [
        known,
        async (value: string, context: Context, given: Readonly<Record<string, string>>) =>
          completer(place.project(context, given['root'] ?? ''), value, given),
      ] as const,
  );
  const listing =
    list === undefined
      ? {}
      : {
          async list(context: Context) {
            const found: { uri: string; name: string }[] = [];
            for (const { base, project } of place.projects(context)) {
              for (const known of await list(project))
                found.push({
                  uri: `${base}${known}`,
                  name: `${base}${known}`.replace(/^spec:\/\/(?:features\/)?/, ''),
                });
            }
            return found;
          },
        };
  server.addResourceTemplate(
    { uriTemplate, name, title, mimeType, complete: { ...place.roots, ...Object.fromEntries(completers) }, ...listing },
    telling(async (variables: Variables, context: Context) =>
      read(place.project(context, variable(variables, 'root')), variables),
    ),
  );
}

const firstPlace = (open: OpenProject): Place => ({
  base: FIRST_BASE,
  prefix: '',
  project: (context) => open(context),
  projects: (context) => [{ base: FIRST_BASE, project: open(context) }],
  roots: {},
});

function furtherPlace(open: OpenProject, rootsOf: (viewer: Viewer) => readonly NamedRoot[]): Place {
  return {
    base: 'spec://roots/{root}/',
    prefix: 'root-',
    project(context, root) {
      const found = rootsOf(context).find(({ name }) => name === root);
      if (found === undefined) throw new SpecError('not_found', 'There is no such root.');
      return open(context, found.path);
    },
    projects: (context) =>
      rootsOf(context)
        .slice(1)
        .map(({ base, path }) => ({ base, project: open(context, path) })),
    roots: {
      root: (value, context) =>
        beginning(
          rootsOf(context).map(({ name }) => name),
          value,
        ),
    },
  };
}

/** `rootsOf` tells the folders of whoever asks, the first one first; `count` is the most there may be. */
export function addResources(
  server: McpServer,
  open: OpenProject,
  rootsOf: (viewer: Viewer) => readonly NamedRoot[],
  count: number,
): void {
  const places = [firstPlace(open), ...(count > 1 ? [furtherPlace(open, rootsOf)] : [])];
  for (const place of places) for (const described of READABLE) addReadable(server, place, described);
}
