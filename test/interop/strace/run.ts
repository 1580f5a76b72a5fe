import { failedStorage } from './faults.ts';
import { finish, mayTrace, workspace } from './harness.ts';
import { smallDisk } from './small-disk.ts';
import { recordedBeforeAnswered } from './order.ts';

if (mayTrace()) {
  await recordedBeforeAnswered(workspace('order'));
  await failedStorage(workspace('faults'));
}
await smallDisk(workspace('disk'));
finish();
