/**
 * A schema of GraphQL (SDL, October 2021) out of models, endpoints and the operations that were named. What was written in a form
 * that no schema can hold is left out or becomes a String, so that the whole always parses.
 */
import { isModel, modelOf, operationIds } from './names.ts';
import type { ContractSource, Model, ModelField } from './source.ts';

const SCALARS: Readonly<Record<string, string>> = {
  string: 'String',
  integer: 'Int',
  number: 'Float',
  boolean: 'Boolean',
  datetime: 'String',
  date: 'String',
  uuid: 'ID',
};

const TAKEN: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription', ...Object.values(SCALARS)]);
const EMPTY = '_empty: Boolean';

/** A name of the language; `__` is kept for itself. */
const fieldName = (name: string): string => name.replaceAll(/\W/g, '_').replace(/^__+/, '_');
/** A model may be called as what the language has already. */
const typeName = (name: string): string => (TAKEN.has(name) ? `${name}Model` : name);
const isType = (type: string): boolean => /^(?:\w+!?|\[\w+!?\]!?)$/.test(type);
/** A type as it was written, by the names there are, with a String for what there is not. */
const knownType = (type: string, known: ReadonlyMap<string, string>): string =>
  isType(type) ? type.replace(/\w+/, (word) => known.get(word) ?? 'String') : 'String';

interface Line {
  readonly name: string;
  readonly line: string;
}

/** `findNotes(word: String!): [Note!]!`. Arguments are scalars: what is returned cannot be given. */
function saidOperation(text: string, models: readonly Model[]): Line[] {
  const [, name = '', given = '', answer = 'String'] = /^(\w+)(?:\(([^)]*)\))?(?:\s*:\s*([\w![\]]+))?/.exec(text) ?? [];
  if (!/^_?[A-Za-z]/.test(name)) return [];
  const scalars = new Map(Object.values(SCALARS).map((scalar) => [scalar, scalar]));
  const args = given.split(',').flatMap((part) => {
    const [, arg, type = ''] = /^\s*(_?[A-Za-z]\w*)\s*:\s*([\w![\]]+)\s*$/.exec(part) ?? [];
    return arg === undefined ? [] : [`${arg}: ${knownType(type, scalars)}`];
  });
  const list = args.length === 0 ? '' : `(${args.join(', ')})`;
  const known = new Map([...scalars, ...models.map((model) => [model.name, typeName(model.name)] as const)]);
  return [{ name, line: `${name}${list}: ${knownType(answer, known)}` }];
}

function endpointOperations({ endpoints, models }: ContractSource, reads: boolean): Line[] {
  return Array.from(operationIds(endpoints)).flatMap(([endpoint, name]): Line[] => {
    if ((endpoint.method === 'get') !== reads) return [];
    const variables = new Set(Array.from(endpoint.path.matchAll(/\{(\w+)\}/g), ([, one = '']) => fieldName(one)));
    const args = Array.from(variables, (one) => `${one}: ID!`);
    const model = modelOf(endpoint, models);
    const type = model === undefined ? 'String' : typeName(model.name);
    const answer = reads && !endpoint.path.endsWith('}') ? `[${type}!]!` : type;
    return [{ name, line: `${name}${args.length === 0 ? '' : `(${args.join(', ')})`}: ${answer}` }];
  });
}

/** Each name once: the first is meant. */
function block(name: string, lines: readonly Line[]): string {
  const once = new Map(lines.toReversed().map((one) => [one.name, one.line]));
  const shown = lines.length === 0 ? [EMPTY] : Array.from(new Set(lines.map((one) => once.get(one.name) ?? one.line)));
  return [`type ${name} {`, ...shown.map((line) => `  ${line}`), '}'].join('\n');
}

export function graphql(source: ContractSource): string {
  const { title, models, operations } = source;
  const typeOf = ({ type, list, required }: ModelField): string => {
    const name = SCALARS[type] ?? (isModel(models, type) ? typeName(type) : 'String');
    return `${list ? `[${name}!]` : name}${required ? '!' : ''}`;
  };
  const linesOf = (kind: 'Query' | 'Mutation'): Line[] => [
    ...operations.filter((one) => one.kind === kind).flatMap(({ text }) => saidOperation(text, models)),
    ...endpointOperations(source, kind === 'Query'),
  ];
  const mutations = linesOf('Mutation');
  const types = models.map((model) =>
    block(
      typeName(model.name),
      model.fields.map((field) => ({
        name: fieldName(field.name),
        line: `${fieldName(field.name)}: ${typeOf(field)}`,
      })),
    ),
  );
  const blocks = [
    block('Query', linesOf('Query')),
    ...(mutations.length === 0 ? [] : [block('Mutation', mutations)]),
    ...types,
  ];
  return `# ${title.replaceAll(/\s+/g, ' ')}\n\n${blocks.join('\n\n')}\n`;
}
