/**
 * What the files of discovery share. The seam of the gateway's own tools, which other rooms bring too, is in ../meta.ts; the
 * exchange of an inner call is in ../inner-exchange.ts.
 */

export type { SeenServer, SeenTool, Sight } from '../meta.ts';
