import { z } from 'zod';
import type { Run } from '../../operation.js';

const fileEditSchema = z.object({
  file: z.string(),
  edits: z.array(
    z.object({
      path: z.array(z.union([z.string(), z.number()])),
      key: z.boolean().exactOptional(),
      before: z.string(),
      after: z.string(),
    }),
  ),
});

/** What `recover` needs to finish or revert an upgrade. */
export const upgradeStateSchema = z.object({
  id: z.string(),
  from: z.int(),
  to: z.int(),
  /** True: everything is removed afterwards. */
  rehearse: z.boolean(),
  /** Name of the trial project in which the new server runs. */
  trial: z.string(),
  /** The compose file, and the edits that make the new one of it. */
  ...fileEditSchema.shape,
  /** The file that has the receiver's service, where it is another one: edited before, and reverted after it. */
  receiver: fileEditSchema.exactOptional(),
  /** The engine's names of the volumes. */
  volume: z.object({ before: z.string(), after: z.string() }),
  /** Where the old server's data is; absent in the journal of an earlier invctl. */
  left: z
    .object({ image: z.string(), target: z.string(), dataDirectory: z.string(), aside: z.array(z.string()) })
    .exactOptional(),
  /** Services that ran before, the database first. */
  services: z.array(z.string()),
  /** The protection that goes over to the new server; absent: there is none. */
  protection: z
    .object({
      place: z.string(),
      /** The receiver's service, and whether it ran. */
      service: z.string(),
      ran: z.boolean(),
      /** The old server's. */
      systemIdentifier: z.string(),
      image: z.string(),
      /** True: the receiver receives from the new server. */
      receives: z.boolean(),
    })
    .exactOptional(),
  /** ISO time at which the services were started on the new server; absent: they were not. */
  opened: z.string().exactOptional(),
  /** The backup, once it is taken. */
  backup: z.string().exactOptional(),
});

export type FileEdit = z.infer<typeof fileEditSchema>;
export type UpgradeState = z.infer<typeof upgradeStateSchema>;

/** In execution order. */
export const UPGRADE_STEPS = ['server', 'backup', 'load', 'smoke', 'switch', 'up'] as const;

export type UpgradeStep = (typeof UPGRADE_STEPS)[number];

export type UpgradeRun = Run<UpgradeState, UpgradeStep>;
