import { type BlockRequest, type BlockStatus, SECTOR_BYTES } from "@xenolith/backend-interface";

/** A request of the store's user on its way: it is done in as many parts as the ring needs. */
export interface Job {
  readonly request: BlockRequest;
  readonly done: (status: BlockStatus) => void;
  /** Bytes for which parts have been sent; for requests without data, 0 before and 1 after. */
  sent: number;
  /** Parts sent and not answered. */
  outstanding: number;
  /** The first failure of a part. */
  status: BlockStatus;
}

/** A job of which nothing has been sent. */
export const createJob = (request: BlockRequest, done: (status: BlockStatus) => void): Job => ({
  request,
  done,
  sent: 0,
  outstanding: 0,
  status: "ok",
});

/** The caller's buffer, or null for requests without data. */
export const bufferOf = (request: BlockRequest): Uint8Array | null => {
  if (request.kind === "read") return request.into;
  return request.kind === "write" ? request.from : null;
};

/** What has to be sent in all, in the units of {@link Job.sent}. */
const totalOf = (request: BlockRequest): number => bufferOf(request)?.length ?? 1;

/** Whether every part has been sent, or the rest need not be: one has failed. */
export const isSent = (job: Job): boolean => job.sent >= totalOf(job.request) || job.status !== "ok";

/** Notes the answer to a part and tells the job's owner when it was the last. */
export const settlePart = (job: Job, status: BlockStatus): void => {
  job.outstanding--;
  if (job.status === "ok") job.status = status;
  if (job.outstanding === 0 && isSent(job)) job.done(job.status);
};

/** Whether a request is made of whole sectors within the disk. */
export const isWithin = (request: BlockRequest, sectorCount: number): boolean => {
  if (request.kind === "flush") return true;
  const count =
    request.kind === "discard" ? request.sectorCount : (bufferOf(request)?.length ?? 0) / SECTOR_BYTES;
  const { sector512 } = request;
  return (
    Number.isInteger(count) &&
    Number.isInteger(sector512) &&
    sector512 >= 0 &&
    count >= 0 &&
    sector512 + count <= sectorCount
  );
};
