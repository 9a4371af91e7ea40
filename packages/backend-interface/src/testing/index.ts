export {
  BLOCK_STORE_LAWS,
  type BlockStoreLaw,
  type BlockStoreSubject,
  performRequest,
} from "./block-store-laws.ts";
