/**
 * Roles and permissions of an Only1MCP file (`auth.rbac`, `authorization`) as rules. There a permission may be to see and not
 * to use; here what may be seen is what may be used, so such a permission gives nothing. Our built-in roles have a meaning
 * where no rule names them: every one that the file gives nothing is named in a rule that matches nothing.
 */
import { at, put, type Block } from './only1mcp-reader.ts';
import { listOf } from './scalars.ts';

/** What a permission lets be used; `everything` is a rule without targets. */
type Grant = 'tools' | 'resources' | 'prompts' | 'everything';

const grants: Readonly<Record<string, Grant>> = {
  '*': 'everything',
  'servers:*': 'everything',
  'servers:execute': 'tools',
  'tools:*': 'tools',
  'tools:call': 'tools',
  'tools:execute': 'tools',
  'resources:*': 'resources',
  'resources:read': 'resources',
  'prompts:*': 'prompts',
  'prompts:get': 'prompts',
  'prompts:read': 'prompts',
};

const seeing = ['servers:read', 'servers:list', 'tools:read', 'tools:list', 'resources:list', 'prompts:list'];
const administration = /^(?:metrics|admin|config|cache|audit|logs|users|health|system):[a-z*]+$/;

const builtIn = ['admin', 'developer', 'viewer'];

export function convertPolicy(root: Block): void {
  const auth = root.block('auth');
  const blocks = [...(auth.isOn() ? [auth.block('rbac')] : []), root.block('authorization')];
  const used = blocks.filter((block) => block.isOn());
  if (used.length === 0) return;
  const rules = used.flatMap((block) => rulesOf(block));
  const named = new Set(rules.flatMap((rule) => rule['roles'] as string[]));
  const { ledger } = root;
  const from = used[0]?.path ?? [];
  const own = [...named].filter((role) => !builtIn.includes(role));
  if (own.length > 0) put(ledger, ['policy', 'roles'], Object.fromEntries(own.map((role) => [role, {}])), from);
  const mute = builtIn.filter((role) => !named.has(role));
  const nothing = { effect: 'allow', roles: mute, tools: ['-'] };
  put(ledger, ['policy', 'rules'], mute.length > 0 ? [...rules, nothing] : rules, from);
  if (mute.length > 0) {
    const message = 'Matches no tool: what a built-in role means to Sallyport holds only where no rule names it.';
    ledger.comments.push({ path: ['policy', 'rules', rules.length], message });
  }
  if (at(ledger.value, ['policy', 'default']) !== 'allow') {
    ledger.comments.push({ path: ['policy'], message: 'What no rule allows is neither shown nor called.' });
  }
}

function rulesOf(block: Block): Array<Readonly<Record<string, unknown>>> {
  block.move('default_policy', ['policy', 'default']);
  block.ignore(
    'who has no role may use nothing; `policy.roles` gives roles to keys, groups and claims',
    'default_role',
  );
  const listed = [
    ...block.blocks('roles').map((role) => ({ role, name: role.text('name') })),
    ...block.blocks('policies').map((role) => ({ role, name: role.text('role') })),
  ];
  return listed.flatMap(({ role, name }) => {
    const given = new Set((role.texts('permissions') ?? []).flatMap((one, index) => grantOf(role, one, index)));
    if (name === undefined) role.ledger.problems.push({ path: role.path, message: 'expected the name of a role' });
    if (name === undefined || given.size === 0) return [];
    if (given.has('everything')) return [{ effect: 'allow', roles: [name] }];
    return [{ effect: 'allow', roles: [name], ...Object.fromEntries([...given].map((kind) => [kind, ['*']])) }];
  });
}

function grantOf(role: Block, permission: string, index: number): Grant[] {
  const path = [...role.at('permissions'), index];
  const grant = Object.hasOwn(grants, permission) ? grants[permission] : undefined;
  if (grant !== undefined) return [grant];
  if (seeing.includes(permission)) {
    role.ledger.notes.push({ path, message: 'ignored: what may be seen here is what may be used' });
  } else if (administration.test(permission)) {
    role.ledger.notes.push({ path, message: 'ignored: it is for the local key alone' });
  } else {
    const message = `no permission that is known; expected ${listOf([...Object.keys(grants), ...seeing])}`;
    role.ledger.problems.push({ path, message });
  }
  return [];
}
