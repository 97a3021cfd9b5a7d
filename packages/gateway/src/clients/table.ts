/**
 * The clients, each with its files on Linux, macOS and Windows. `docs/CLIENTS.md` says by what each was checked; the first file
 * of a scope is the one that is made when there is none, those after it are older or other editions.
 */
import {
  antigravity,
  claudeCode,
  claudeDesktop,
  cline,
  codex,
  continueDev,
  continueJson,
  cursor,
  gemini,
  goose,
  junie,
  openCode,
  roo,
  vsCode,
  windsurf,
  zed,
} from './dialects.ts';
import { inConfig, inExtension, inHome, inRoaming, inSupport, named, place, under } from './places.ts';
import type { AiClient, Machine, Place } from './types.ts';

const servers = ['mcpServers'];

export const AI_CLIENTS: readonly AiClient[] = [
  {
    id: 'cursor',
    title: 'Cursor',
    aliases: [],
    programs: ['cursor', 'cursor-agent'],
    places: (at) => [
      place('user', inHome(at, '.cursor', 'mcp.json'), servers, cursor),
      place('project', under(at, at.project, '.cursor', 'mcp.json'), servers, cursor),
    ],
    after: 'Cursor takes it over by itself; Settings, MCP shows it',
  },
  {
    id: 'claude-desktop',
    title: 'Claude Desktop',
    aliases: [],
    programs: [],
    places: (at) => [place('user', inSupport(at, 'Claude', 'claude_desktop_config.json'), servers, claudeDesktop)],
    after: 'quit Claude Desktop and start it again',
  },
  {
    id: 'claude-code',
    title: 'Claude Code',
    aliases: ['claude', 'claude-cli'],
    programs: ['claude'],
    places: claudeCodePlaces,
    after: '`claude mcp list` shows it; a session that is open needs `/mcp`',
  },
  {
    id: 'vscode',
    title: 'VS Code',
    aliases: ['vs-code', 'visualstudiocode', 'code'],
    programs: ['code'],
    places: (at) => [
      ...['Code', 'Code - Insiders', 'VSCodium'].map((edition) =>
        place('user', inSupport(at, edition, 'User', 'mcp.json'), ['servers'], vsCode),
      ),
      place('project', under(at, at.project, '.vscode', 'mcp.json'), ['servers'], vsCode),
    ],
    after: 'VS Code asks once whether to trust it; `MCP: List Servers` shows it',
  },
  {
    id: 'cline',
    title: 'Cline',
    aliases: [],
    programs: ['cline'],
    places: (at) => [
      place('user', inHome(at, '.cline', 'data', 'settings', 'cline_mcp_settings.json'), servers, cline),
      ...inExtension(at, 'saoudrizwan.claude-dev', 'settings', 'cline_mcp_settings.json').map((path) =>
        place('user', path, servers, cline),
      ),
    ],
    after: 'Cline takes it over by itself',
  },
  {
    id: 'kilocode',
    title: 'Kilo Code',
    aliases: ['kilo', 'kilo-code'],
    programs: ['kilo', 'kilocode'],
    places: (at) => [
      ...['kilo.jsonc', 'kilo.json'].map((name) => place('user', inConfig(at, 'kilo', name), ['mcp'], openCode)),
      ...inExtension(at, 'kilocode.kilo-code', 'settings', 'mcp_settings.json').map((path) =>
        place('user', path, servers, roo),
      ),
      place('user', inHome(at, '.kilocode', 'cli', 'global', 'settings', 'mcp_settings.json'), servers, roo),
      ...[['.kilo', 'kilo.jsonc'], ['.kilo', 'kilo.json'], ['kilo.jsonc'], ['kilo.json']].map((parts) =>
        place('project', under(at, at.project, ...parts), ['mcp'], openCode),
      ),
      place('project', under(at, at.project, '.kilocode', 'mcp.json'), servers, roo),
    ],
    after: 'start Kilo Code again; `kilo mcp list` shows it',
  },
  {
    id: 'codex',
    title: 'Codex',
    aliases: ['codex-cli'],
    programs: ['codex'],
    places: (at) => [
      place('user', under(at, named(at, 'CODEX_HOME', inHome(at, '.codex')), 'config.toml'), ['mcp_servers'], codex),
      place('project', under(at, at.project, '.codex', 'config.toml'), ['mcp_servers'], codex),
    ],
    after: '`codex mcp list` shows it; `/mcp` in a new session',
  },
  {
    id: 'gemini',
    title: 'Gemini CLI',
    aliases: ['gemini-cli'],
    programs: ['gemini'],
    places: (at) =>
      [
        place('user', inHome(at, '.gemini', 'settings.json'), servers, gemini),
        place('project', under(at, at.project, '.gemini', 'settings.json'), servers, gemini),
      ].map((one) => ({
        ...one,
        off: [{ path: one.path, keys: ['mcp', 'excluded'] }],
        only: { path: one.path, keys: ['mcp', 'allowed'] },
      })),
    after: '`gemini mcp list` shows it, in a folder that Gemini CLI trusts',
  },
  {
    id: 'opencode',
    title: 'OpenCode',
    aliases: ['open-code'],
    programs: ['opencode'],
    places: (at) => [
      ...['opencode.json', 'opencode.jsonc', 'config.json'].map((name) =>
        place('user', inConfig(at, 'opencode', name), ['mcp'], openCode),
      ),
      ...[['opencode.json'], ['opencode.jsonc'], ['.opencode', 'opencode.json'], ['.opencode', 'opencode.jsonc']].map(
        (parts) => place('project', under(at, at.project, ...parts), ['mcp'], openCode),
      ),
    ],
    after: 'start OpenCode again; `opencode mcp list` shows it',
  },
  {
    id: 'antigravity',
    title: 'Antigravity',
    aliases: ['agy'],
    programs: ['agy', 'antigravity'],
    places: (at) => [
      place('user', inHome(at, '.gemini', 'config', 'mcp_config.json'), servers, antigravity),
      place('user', inHome(at, '.gemini', 'antigravity', 'mcp_config.json'), servers, antigravity),
      place('project', under(at, at.project, '.agents', 'mcp_config.json'), servers, antigravity),
    ],
    after: 'in Antigravity: MCP Servers, Manage, Refresh',
  },
  {
    id: 'windsurf',
    title: 'Windsurf',
    aliases: [],
    programs: ['windsurf'],
    places: (at) => [place('user', inHome(at, '.codeium', 'windsurf', 'mcp_config.json'), servers, windsurf)],
    after: 'in Windsurf: Cascade, MCP servers, Refresh',
  },
  {
    id: 'zed',
    title: 'Zed',
    aliases: [],
    programs: ['zed', 'zeditor'],
    places: (at) => [
      place('user', zedSettings(at), ['context_servers'], zed),
      place('project', under(at, at.project, '.zed', 'settings.json'), ['context_servers'], zed),
    ],
    after: 'Zed takes it over by itself; the settings of the agent panel show it',
  },
  {
    id: 'continue',
    title: 'Continue',
    aliases: ['continue-dev'],
    programs: ['cn'],
    places: (at) => [
      place(
        'user',
        under(at, named(at, 'CONTINUE_GLOBAL_DIR', inHome(at, '.continue')), 'config.yaml'),
        servers,
        continueDev,
      ),
      {
        ...place('project', under(at, at.project, '.continue', 'mcpServers', 'sallyport.yaml'), servers, continueDev),
        seed: 'name: Sallyport\nversion: 0.0.1\nschema: v1\n',
      },
      place('project', under(at, at.project, '.continue', 'mcpServers', 'mcp.json'), servers, continueJson),
    ],
    after: 'Continue takes it over by itself',
  },
  {
    id: 'lm-studio',
    title: 'LM Studio',
    aliases: ['lmstudio'],
    programs: ['lms'],
    places: (at) => [
      place('user', inHome(at, '.lmstudio', 'mcp.json'), servers, cursor),
      place('user', inHome(at, '.cache', 'lm-studio', 'mcp.json'), servers, cursor),
    ],
    after: 'LM Studio takes it over by itself; Program, Install shows it',
  },
  {
    id: 'goose',
    title: 'Goose',
    aliases: [],
    programs: ['goose'],
    places: (at) => [
      place(
        'user',
        at.platform === 'win32'
          ? inRoaming(at, 'Block', 'goose', 'config', 'config.yaml')
          : inConfig(at, 'goose', 'config.yaml'),
        ['extensions'],
        goose,
      ),
    ],
    after: 'start a new session of Goose',
  },
  {
    id: 'junie',
    title: 'Junie',
    aliases: ['jetbrains-junie'],
    programs: ['junie'],
    places: (at) => [
      place('user', inHome(at, '.junie', 'mcp', 'mcp.json'), servers, junie),
      place('project', under(at, at.project, '.junie', 'mcp', 'mcp.json'), servers, junie),
    ],
    after: 'in the IDE: Settings, Tools, Junie, MCP Settings',
  },
  {
    id: 'roo',
    title: 'Roo Code',
    aliases: ['roo-code', 'roocode'],
    programs: [],
    places: (at) => [
      ...inExtension(at, 'rooveterinaryinc.roo-cline', 'settings', 'mcp_settings.json').map((path) =>
        place('user', path, servers, roo),
      ),
      place('project', under(at, at.project, '.roo', 'mcp.json'), servers, roo),
    ],
    after: 'Roo Code takes it over by itself',
  },
];

/** By id or another name; case, `_` and blanks do not count. */
export function findClient(name: string): AiClient | undefined {
  const wanted = name.toLowerCase().replaceAll(/[_\s]+/g, '-');
  return AI_CLIENTS.find(({ id, aliases }) => id === wanted || aliases.includes(wanted));
}

/** `~/.claude.json` also holds, for each project, servers that are its user's own, and which are off. */
function claudeCodePlaces(at: Machine): readonly Place[] {
  const own = under(at, named(at, 'CLAUDE_CONFIG_DIR', at.home), '.claude.json');
  const project = ['projects', at.project];
  const settings = ['settings.json', 'settings.local.json'].map((name) => under(at, at.project, '.claude', name));
  const off = [{ path: own, keys: [...project, 'disabledMcpServers'] }];
  return [
    { ...place('user', own, servers, claudeCode), off },
    {
      ...place('project', under(at, at.project, '.mcp.json'), servers, claudeCode),
      off: [
        ...off,
        { path: own, keys: [...project, 'disabledMcpjsonServers'] },
        ...settings.map((path) => ({ path, keys: ['disabledMcpjsonServers'] })),
      ],
    },
    { ...place('project', own, [...project, 'mcpServers'], claudeCode), off },
  ];
}

function zedSettings(at: Machine): string {
  if (at.platform === 'win32') return inRoaming(at, 'Zed', 'settings.json');
  return at.platform === 'darwin'
    ? inHome(at, '.config', 'zed', 'settings.json')
    : inConfig(at, 'zed', 'settings.json');
}
