import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Makes `folder` a file system of its own.
 * @param size as for the `size=` option of tmpfs.
 * @returns false where this machine does not let us.
 */
export function mountSmallDisk(folder: string, size: string): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes `folder` a disk of ext4, which {@link failDisk} can fail.
 * @param image file that it is made of; an existing one is mounted as it is.
 * @returns false where this machine does not let us.
 */
export function mountDiskImage(folder: string, image: string, bytes?: number): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    if (bytes !== undefined) {
      writeFileSync(image, '');
      truncateSync(image, bytes);
      execFileSync('mkfs.ext4', ['-q', image], { stdio: 'ignore' });
    }
    execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Whoever writes to it finds it read-only from now on, as after an error of the hardware. */
export function failDisk(folder: string): void {
  const device = execFileSync('findmnt', ['-no', 'SOURCE', folder], { encoding: 'utf8' }).trim();
  writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'test');
}

/** Whether anybody has the disk still mounted, in any container. */
export function isMounted(image: string): boolean {
  return execFileSync('losetup', ['-j', image], { encoding: 'utf8' }) !== '';
}

export function unmount(folder: string): void {
  execFileSync('umount', [folder]);
}
