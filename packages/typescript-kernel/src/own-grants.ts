import type { GrantCopy, Grants, MappedPages, OwnPages } from "@xenolith/domain-interface";
import type { DomainServices } from "@xenolith/domain-interface/control";
import { HostError, type Mfn } from "@xenolith/machine-interface";

/** Builds the grant operations of a kernel on its domain's raw services. */
export const createGrants = (services: DomainServices): Grants => {
  const framesOf = new WeakMap<MappedPages, readonly Mfn[]>();

  const ownPages = (frames: readonly Mfn[]): OwnPages => {
    const mapped = services.mapOwnFrames(frames);
    let live = true;
    const pages: OwnPages = {
      pageCount: frames.length,
      get lengthBytes() {
        return mapped.lengthBytes;
      },
      writable: true,
      copyIn: (at, bytes) => mapped.copyIn(at, bytes),
      copyOut: (at, into) => mapped.copyOut(at, into),
      readUint32: (at) => mapped.readUint32(at),
      writeUint32: (at, value) => mapped.writeUint32(at, value),
      release: () => {
        if (!live) return;
        live = false;
        mapped.release();
        services.returnFrames(frames);
      },
    };
    framesOf.set(pages, frames);
    return pages;
  };

  return {
    map: (domain, references, writable) => services.mapGrants(domain, references, writable),
    copy: (pieces: readonly GrantCopy[]) =>
      pieces.map((piece) =>
        services.copyGrant(piece.domain, piece.reference, piece.offset, piece.buffer, piece.direction),
      ),
    allocatePages: (pageCount) => {
      const frames = services.takeFrames(pageCount);
      return frames === null ? null : ownPages(frames);
    },
    offer: (pages, pageIndex, to, writable) => {
      const frame = framesOf.get(pages)?.[pageIndex];
      if (frame === undefined)
        throw new HostError("not-own-page", "offer: the page is not one of this domain's own");
      return services.grantFrame(frame, to, writable);
    },
    withdraw: (reference) => services.endGrant(reference),
  };
};
