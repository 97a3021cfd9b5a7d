/** Folders of the three systems in which clients keep their files. Paths are written as the system in question writes them. */
import { posix, win32 } from 'node:path';
import type { Dialect, Machine, Place, Scope } from './types.ts';

/** Joins as the machine does. */
export function under(machine: Machine, folder: string, ...parts: readonly string[]): string {
  return (machine.platform === 'win32' ? win32 : posix).join(folder, ...parts);
}

export function inHome(machine: Machine, ...parts: readonly string[]): string {
  return under(machine, machine.home, ...parts);
}

/** `$XDG_CONFIG_HOME`, else `~/.config`: also what tools that look there do on macOS and Windows. */
export function inConfig(machine: Machine, ...parts: readonly string[]): string {
  const xdg = machine.env['XDG_CONFIG_HOME'] ?? '';
  return xdg.startsWith('/') ? under(machine, xdg, ...parts) : inHome(machine, '.config', ...parts);
}

/** `%APPDATA%` of Windows. */
export function inRoaming(machine: Machine, ...parts: readonly string[]): string {
  const roaming = machine.env['APPDATA'] ?? '';
  return roaming === '' ? inHome(machine, 'AppData', 'Roaming', ...parts) : under(machine, roaming, ...parts);
}

/** Where a desktop program keeps its data: `%APPDATA%`, `~/Library/Application Support`, `~/.config`. */
export function inSupport(machine: Machine, ...parts: readonly string[]): string {
  if (machine.platform === 'win32') return inRoaming(machine, ...parts);
  return machine.platform === 'darwin'
    ? inHome(machine, 'Library', 'Application Support', ...parts)
    : inConfig(machine, ...parts);
}

/** The folder that a variable names, else the usual one. */
export function named(machine: Machine, variable: string, usual: string): string {
  const folder = machine.env[variable] ?? '';
  return folder === '' ? usual : folder;
}

/** Data of an extension of VS Code, in the editions that people have. */
export function inExtension(machine: Machine, id: string, ...parts: readonly string[]): string[] {
  return ['Code', 'Code - Insiders', 'VSCodium'].map((edition) =>
    inSupport(machine, edition, 'User', 'globalStorage', id, ...parts),
  );
}

export function place(scope: Scope, path: string, root: readonly string[], dialect: Dialect): Place {
  const format = /\.ya?ml$/i.test(path) ? 'yaml' : path.endsWith('.toml') ? 'toml' : 'json';
  return { scope, path, root, dialect, format };
}
