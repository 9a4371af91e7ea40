export { GRANT_TABLE_TRACE } from "./trace.ts";
export type {
  CopyEnd,
  CopyRequest,
  GrantDomainOptions,
  GrantFrames,
  GrantHost,
  GrantPageTables,
  GrantTableOptions,
  GrantTables,
  GrantUse,
  MappingPlace,
  MappingRights,
  MapRequest,
  MapResult,
  QuerySizeResult,
  SetupResult,
  UnmapRequest,
} from "./types.ts";
