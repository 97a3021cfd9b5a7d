/** What a program that installs packages has to say: how it is called, and what is to be started then. Types only. */
import type { PackageRun } from '@sallyport/host';

/** What is looked at while an install is put together. */
export interface InstallContext {
  readonly run: PackageRun;
  /** The resolved command as it was written, such as `/usr/bin/npx`. */
  readonly runner: string;
  /** A new folder for this install alone; it is not moved afterwards. */
  readonly folder: string;
  /** The value of the child's PATH. */
  readonly path: string;
  /** The gateway's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A process that installs into `folder`. */
export interface InstallCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the allow-list of what children get. */
  readonly env: Readonly<Record<string, string>>;
  /** Files and folders that it reads besides the system's. */
  readonly read: readonly string[];
}

/** What is started of a package that is installed. */
export interface Entry {
  readonly command: string;
  /** Before the arguments of the program. */
  readonly args: readonly string[];
  /** Absent: it says none. */
  readonly version?: string;
}

export interface Installer {
  /** Undefined: the program that installs is not on this machine. */
  command(context: InstallContext): Promise<InstallCommand | undefined>;
  /** Rejects with an Error for a person when the package has no such program. */
  entry(context: InstallContext): Promise<Entry>;
  /** What only the install needed, relative to its folder: it is removed afterwards. */
  readonly leftovers: readonly string[];
}
