/**
 * YAML 1.2, core schema. Tags, merge keys, several documents and complex keys are refused; aliases are followed within a
 * budget. Tokens and nesting are counted in the parser that does not recurse, before the composer that does sees them.
 */
import { Composer, CST, isAlias, isMap, isPair, isScalar, isSeq, Lexer, Parser, type Node } from 'yaml';
import type { Path, Source } from './source-tree.ts';
import { bounded, createTree, maxDepth, positionsOf, SourceLimit, tooDeep, type Tree } from './source-tree.ts';
import type { Position } from './types.ts';

/** Tokens of the lexer; some eight are spent on a line of a usual file, three on an item of a flow list. */
const maxTokens = 200_000;
/** Uses of an alias, those inside aliased values counted each time. */
const maxAliases = 100;

type At = (offset: number) => Position;
type Walk = { readonly tree: Tree; readonly at: At; readonly anchors: Map<string, Node>; aliases: number };

export function readYaml(text: string): Source {
  return bounded(() => {
    const at = positionsOf(text);
    const composer = new Composer({ uniqueKeys: false, version: '1.2', schema: 'core' });
    const documents = [...composer.compose(parse(text, at))];
    const tree = createTree();
    const [document, second] = documents;
    for (const error of documents.flatMap(({ errors }) => errors).slice(0, 20)) {
      tree.problem({
        position: at(error.pos[0]),
        path: [],
        message: error.message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? error.code,
      });
      return tree.finish(undefined);
    }
    if (second !== undefined) {
      tree.problem({ position: at(second.range[0]), path: [], message: 'a second document; a configuration is one' });
      return tree.finish(undefined);
    }
    if (document?.contents === undefined || document.contents === null) {
      tree.problem({ path: [], message: 'the file is empty; expected an object with `mcpServers`' });
      return tree.finish(undefined);
    }
    const walk: Walk = { tree, at, anchors: new Map(), aliases: 0 };
    return tree.finish(build(document.contents, [], start(document.contents, at), walk));
  });
}

function* parse(text: string, at: At): Generator<CST.Token> {
  const parser = new Parser();
  let tokens = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > maxTokens) throw new SourceLimit({ path: [], message: `more than ${maxTokens} YAML tokens` });
    yield* parser.next(lexeme);
    if (CST.tokenType(lexeme) === 'tag') {
      throw new SourceLimit({
        position: at(parser.offset - lexeme.length),
        path: [],
        message: 'YAML tags are not read',
      });
    }
    // A mapping holds its pairs, a pair its value: the stack has about one entry for a level.
    if (parser.stack.length > maxDepth * 2) throw new SourceLimit(tooDeep(at(parser.offset)));
  }
  yield* parser.end();
}

function start(node: Node, at: At): Position {
  return at(node.range?.[0] ?? 0);
}

function build(node: Node | null, path: Path, position: Position, walk: Walk): unknown {
  walk.tree.place(path, position);
  if (node === null) return null;
  if (isAlias(node)) return follow(node.source, path, position, walk);
  if ('anchor' in node && typeof node.anchor === 'string') walk.anchors.set(node.anchor, node);
  if (isScalar(node)) return node.value;
  if (isSeq<Node | null>(node)) {
    return node.items.map((item, index) =>
      build(item, [...path, index], item === null ? position : start(item, walk.at), walk),
    );
  }
  if (isMap<Node, Node | null>(node)) return buildMap(node.items, path, walk);
  return undefined;
}

function buildMap(
  items: ReadonlyArray<{ key: Node; value: Node | null }>,
  path: Path,
  walk: Walk,
): Record<string, unknown> {
  const target: Record<string, unknown> = {};
  for (const pair of items) {
    if (!isPair(pair) || !isScalar(pair.key)) {
      walk.tree.problem({ position: start(pair.key, walk.at), path, message: 'expected a key that is plain text' });
      continue;
    }
    const key = pair.key as Node & { value: unknown; source?: string };
    const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
    const inner = [...path, name];
    const place = start(key, walk.at);
    if (name === '<<') walk.tree.problem({ position: place, path: inner, message: 'YAML merge keys are not read' });
    else if (walk.tree.member(target, name, inner, place)) target[name] = build(pair.value, inner, place, walk);
  }
  return target;
}

function follow(name: string, path: Path, position: Position, walk: Walk): unknown {
  walk.aliases += 1;
  if (walk.aliases > maxAliases) {
    throw new SourceLimit({ position, path: [], message: `more than ${maxAliases} uses of YAML aliases` });
  }
  const node = walk.anchors.get(name);
  if (node !== undefined) return build(node, path, position, walk);
  walk.tree.problem({ position, path, message: `the alias *${name} has no anchor before it` });
  return undefined;
}
