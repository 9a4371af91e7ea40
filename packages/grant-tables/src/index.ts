export { createGrantTables } from "./create-grant-tables.ts";
export { createMappedFrames, type MappedFrames, type MappedFramesOptions } from "./mapped-frames.ts";
export { GRANT_TABLE_TRACE } from "./trace.ts";
export type {
  CacheFlushRequest,
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
  SetVersionResult,
  TransferRequest,
  UnmapAndReplaceRequest,
  UnmapRequest,
} from "./types.ts";
