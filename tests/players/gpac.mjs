// Prints what mp4box.js tells of a file: its tracks with all samples, and what it complains of.
import { readFileSync } from "node:fs";
import { Log, createFile } from "../browser/node_modules/mp4box/dist/mp4box.all.mjs";

const problems = [];
for (const level of ["warn", "error"]) {
  Log[level] = (...words) => problems.push(words.join(" "));
}
const data = readFileSync(process.argv[2]);
const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
buffer.fileStart = 0;

const file = createFile();
file.onError = (problem) => problems.push(String(problem));
file.onReady = (info) => {
  const tracks = info.tracks.map((track) => ({
    type: track.type,
    codec: track.codec,
    shown: track.movie_duration / track.movie_timescale,
    samples: file.getTrackSamplesInfo(track.id).map((sample) => ({
      isKey: sample.is_sync,
      shownAt: sample.cts / sample.timescale,
      data: data.subarray(sample.offset, sample.offset + sample.size).toString("hex"),
    })),
  }));
  const { isFragmented, isProgressive } = info;
  console.log(JSON.stringify({ problems, tracks, isFragmented, isFastStart: isProgressive }));
};
file.appendBuffer(buffer);
file.flush();
