/**
 * Files of the project as resources: `spec://constitution`, `spec://features`, `spec://features/{feature}/{artifact}`,
 * `…/checklists/{name}`, `…/contracts/{name}` and `spec://templates/{name}`. Of the first root only: other workspaces are
 * reached by the tools.
 */
import type { Context, McpServer, Variables } from '@sallyport/server';
import { SpecError } from '../errors.ts';
import { listFeatures } from '../layout/features.ts';
import { ARTIFACT_NAMES, CONSTITUTION, isArtifact, isPlainName } from '../layout/paths.ts';
import { resolveTemplate } from '../layout/templates.ts';
import { listTemplates } from '../layout/custom.ts';
import { telling } from '../tools/told.ts';
import type { OpenProject } from '../tools/tool.ts';
import { artifactPath, featureOf, type Project } from '../workflow/project.ts';
import { projectStatus } from '../workflow/status.ts';

const MARKDOWN = 'text/markdown';

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
    beginning(
      (await listFeatures(open(context).workspace)).map(({ name }) => name),
      value,
    );

async function filesIn(project: Project, folder: 'checklists' | 'contracts', feature: string): Promise<string[]> {
  const { directory } = await featureOf(project, feature);
  const entries = await project.workspace.list(`${directory}/${folder}`);
  return entries
    .filter(({ kind }) => kind === 'file')
    .map(({ name }) => (folder === 'checklists' ? name.replace(/\.md$/, '') : name));
}

function addFixed(server: McpServer, open: OpenProject): void {
  const describe = { uri: 'spec://constitution', name: 'constitution', title: 'The constitution', mimeType: MARKDOWN };
  server.addResource(
    describe,
    telling(async (context: Context) => textAt(open(context), CONSTITUTION)),
  );
  server.addResource(
    { uri: 'spec://features', name: 'features', title: 'Features and their progress', mimeType: 'application/json' },
    telling(async (context: Context) => JSON.stringify(await projectStatus(open(context)), null, 2)),
  );
}

function addArtifacts(server: McpServer, open: OpenProject): void {
  server.addResourceTemplate(
    {
      uriTemplate: 'spec://features/{feature}/{artifact}',
      name: 'artifact',
      title: 'An artifact of a feature',
      mimeType: MARKDOWN,
      complete: { feature: featureNames(open), artifact: (value) => beginning(ARTIFACT_NAMES, value) },
      async list(context) {
        const { features } = await projectStatus(open(context));
        return features.flatMap(({ name, artifacts }) =>
          artifacts.map((artifact) => ({
            uri: `spec://features/${name}/${artifact}`,
            name: `${name}/${artifact}`,
            mimeType: MARKDOWN,
          })),
        );
      },
    },
    telling(async (variables: Variables, context: Context) => {
      const artifact = variable(variables, 'artifact');
      if (!isArtifact(artifact)) throw new SpecError('not_found', `Artifacts are ${ARTIFACT_NAMES.join(', ')}.`);
      const project = open(context);
      const feature = await featureOf(project, variable(variables, 'feature'));
      return await textAt(project, artifactPath(feature, artifact));
    }),
  );
}

function addFolder(server: McpServer, open: OpenProject, folder: 'checklists' | 'contracts', title: string): void {
  const names = async (
    value: string,
    context: Context,
    given: Readonly<Record<string, string>>,
  ): Promise<readonly string[]> =>
    beginning(await filesIn(open(context), folder, given['feature'] ?? '').catch(() => []), value);
  server.addResourceTemplate(
    {
      uriTemplate: `spec://features/{feature}/${folder}/{name}`,
      name: folder,
      title,
      mimeType: folder === 'checklists' ? MARKDOWN : 'text/plain',
      complete: { feature: featureNames(open), name: names },
    },
    telling(async (variables: Variables, context: Context) => {
      const name = variable(variables, 'name');
      if (!isPlainName(name)) throw new SpecError('not_found', 'There is no file of this name.');
      const project = open(context);
      const { directory } = await featureOf(project, variable(variables, 'feature'));
      return await textAt(project, `${directory}/${folder}/${name}${folder === 'checklists' ? '.md' : ''}`);
    }),
  );
}

export function addResources(server: McpServer, open: OpenProject): void {
  addFixed(server, open);
  addArtifacts(server, open);
  addFolder(server, open, 'checklists', 'A checklist of a feature');
  addFolder(server, open, 'contracts', 'A contract of a feature');
  server.addResourceTemplate(
    {
      uriTemplate: 'spec://templates/{name}',
      name: 'template',
      title: 'A template as it is resolved in this project',
      mimeType: MARKDOWN,
      complete: {
        name: async (value, context) =>
          beginning(
            (await listTemplates(open(context).workspace, {})).map(({ id }) => id),
            value,
          ),
      },
    },
    telling(
      async (variables: Variables, context: Context) =>
        (await resolveTemplate(open(context).workspace, variable(variables, 'name'))).content,
    ),
  );
}
