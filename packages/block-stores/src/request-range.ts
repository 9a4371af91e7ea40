import { type BlockRequest, type BlockStore, SECTOR_BYTES } from "@xenolith/backend-interface";

const isRange = (sector512: number, sectorCount: number, limit: number): boolean =>
  Number.isInteger(sector512) &&
  Number.isInteger(sectorCount) &&
  sector512 >= 0 &&
  sectorCount >= 0 &&
  sector512 + sectorCount <= limit;

/** Whether a request's range is made of whole sectors of the store and the store may be changed as it asks. */
export const isServable = (
  store: Pick<BlockStore, "sectorCount" | "readOnly">,
  request: BlockRequest,
): boolean => {
  switch (request.kind) {
    case "flush":
      return true;
    case "read":
      return isRange(request.sector512, request.into.length / SECTOR_BYTES, store.sectorCount);
    case "write":
      return (
        !store.readOnly && isRange(request.sector512, request.from.length / SECTOR_BYTES, store.sectorCount)
      );
    case "discard":
      return !store.readOnly && isRange(request.sector512, request.sectorCount, store.sectorCount);
  }
};
