import { addForeign, addSpoiledLeaves } from './bad-x509.ts';
import { addOfflineRoots, addShapes } from './good-x509.ts';
import { addKeyDocuments } from './key-documents.ts';
import { addLive } from './live.ts';
import { SampleFolder } from './manifest.ts';
import { addTokens } from './tokens.ts';

// Writes samples and a manifest into the folder that is named: make.ts FOLDER.
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');
const samples = new SampleFolder(folder);
await addLive(samples);
await addShapes(samples);
await addOfflineRoots(samples);
await addSpoiledLeaves(samples);
await addForeign(samples);
addTokens(samples);
await addKeyDocuments(samples);
samples.finish();
