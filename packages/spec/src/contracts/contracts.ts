/** Generates the contract of a feature and writes it, inside the workspace only, and over nothing but what it generated before. */
import { parseDataModel } from '../grammar/design.ts';
import { outlineOf } from '../grammar/markdown.ts';
import { parseSpec } from '../grammar/spec.ts';
import { artifactPath, featureOf, outputPath, type Project, readArtifact } from '../workflow/project.ts';
import { writeOutput } from '../workflow/output.ts';
import { CONTRACT_FILES, type ContractFormat, contractText } from './generate.ts';
import { contractSource } from './source.ts';

export interface ContractWritten {
  readonly path: string;
  readonly format: ContractFormat;
  readonly endpoints: number;
  readonly models: number;
  readonly content: string;
  readonly changed: readonly string[];
}

const ENDINGS: Readonly<Record<ContractFormat, readonly string[]>> = {
  openapi: ['.yaml', '.yml'],
  graphql: ['.graphql', '.gql'],
  'json-schema': ['.json'],
};

export async function writeContract(
  project: Project,
  { format, path: wanted, examples }: { format: ContractFormat; path?: string; examples: boolean },
  named: string | undefined,
): Promise<ContractWritten> {
  const feature = await featureOf(project, named);
  const spec = parseSpec(await readArtifact(project.workspace, feature, 'spec'));
  const plan = await project.workspace.read(artifactPath(feature, 'plan'));
  const model = await project.workspace.read(artifactPath(feature, 'data-model'));
  const source = contractSource(
    spec.title,
    [spec.outline, ...(plan === undefined ? [] : [outlineOf(plan)])],
    model === undefined ? [] : parseDataModel(model).entities,
  );
  const text = contractText(source, format, examples);
  const path =
    wanted === undefined
      ? `${feature.directory}/contracts/${CONTRACT_FILES[format]}`
      : outputPath(project, wanted, ENDINGS[format]);
  const form = format === 'json-schema' ? 'json' : 'comment';
  const written = await writeOutput(project, { path, text, what: 'contract', form, scope: feature.name });
  const counts = { endpoints: source.endpoints.length, models: source.models.length };
  return { path, format, ...counts, content: written.text, changed: written.changed };
}
