/**
 * Every limit of Holdfast, in one place, each with its reason. The server announces those of the wire in its
 * hello; a client must believe the hello, not this file.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

// --- Data ------------------------------------------------------------------------------------------------

/** A key's length is 16 bits on disk; the empty key is refused so that "no key" and "a key" can't be confused. */
export const keyBytesMin = 1;
export const keyBytesMax = 64 * KiB - 1;

/** One value must fit into a group that is synced at once without stalling everybody else for long. */
export const valueBytesMax = 16 * MiB;

/** A batch is one group, applied in one turn of the event loop: 65,536 small operations take about 50 ms. */
export const batchOperationsMax = 65_536;

/** A batch is one frame on the wire and one group on the disk; twice the largest value leaves room to combine. */
export const batchBytesMax = 32 * MiB;

/** Sequence numbers are u64 on disk but safe integers in memory: at a million writes a second, 285 years. */
export const seqMax = Number.MAX_SAFE_INTEGER;

// --- Log -------------------------------------------------------------------------------------------------

/** Restart rereads at most the last segments, and a memtable indexes one segment: 32 MiB keeps both quick. */
export const segmentBytesMaxDefault = 32 * MiB;

/** Positions inside a segment are 31-bit numbers in the memtable's Int32Arrays. */
export const segmentBytesLimit = 1024 * MiB;

/**
 * A log of small groups writes zeros so far ahead of them, and syncs them with one of the groups: a sync behind which
 * the file does not grow takes two thirds of the time (src/wal/README.md, section 7).
 */
export const preparedBytes = 64 * 1024;

/** Larger groups than this prepare nothing: their own bytes cost more than a smaller sync would save. */
export const preparingGroupBytesMax = 8 * 1024;

/**
 * The event loop waits for no sync of a disk that took longer than this for one of the last 64. Milliseconds. A network
 * disk is beyond it, and the pause that a slow moment of a quick one costs is met by a loop that had nothing to do.
 */
export const inlineSyncMsMax = 1;

/**
 * After a sync of at least so many milliseconds the next group waits for those whom that one acknowledged, while they
 * come: as long as none has come for the first share of that sync's time, and for the second at most. An answer is late
 * by half a sync at worst, where it would be by a whole one if its request missed the group.
 */
export const gatherSyncMsMin = 1;
export const gatherShare = 0.25;
export const gatherShareMax = 0.5;
/** Where fewer are about, one sync more or less is nothing to gain. */
export const gatherRecordsMin = 16;
/**
 * A shorter wait than this is no matter for a timer, whose unit is a millisecond: the group asks after every turn of
 * the event loop. A longer one must not, for a process that never sleeps takes a core from those whom it waits for.
 */
export const gatherTimerMsMin = 1;
/** Nor does it look for them more often than this, for whoever has a clock that stands still. */
export const gatherPollsMax = 2_000;

/** An idle log vouches for its last group after this, well within the published 50 ms (src/wal/README.md). */
export const sealDelayMs = 20;

/** Writes are refused, and the log stays unhurt, while the disk has less free space than this beyond what they need. */
export const diskHeadroomBytes = 64 * MiB;

/** Bytes accepted and not yet written: past it the server reads no further requests until the disk catches up. */
export const pendingBytesMax = 64 * MiB;

/**
 * What waits to be written is a large group from here on: it takes a quick disk some 4 ms, and those behind it as long.
 * While modest sessions are about, greedy ones bring no more then.
 */
export const sharedGroupBytesMax = 64 * KiB;
/** And so much a second, if the operator sets it: a fleet of honest writers would be held to it, too. This is none. */
export const greedyWriteBytesPerSecondMax = Number.MAX_SAFE_INTEGER;
/** For that nobody modest is about if none was served for so long: longer than all but the slowest syncs take. */
export const rationMemoryMs = 2_000;
/** And who wrote too much at once holds the others for so long at most: a batch of 32 MiB would for two minutes. */
export const rationDebtMsMax = 10_000;
/** Those who wait are called no more often than this: whoever was called has had its turn by then. */
export const rationLookMs = 10;

/** Mode "batch": whoever lets a minute of writes wait for a sync wants mode "none". */
export const batchDelayMsMax = 60_000;

/** Cut tails are evidence, kept for a person to look at; sixteen of them tell the story of a machine that crashes. */
export const tornFilesKept = 16;

// --- Tables ----------------------------------------------------------------------------------------------

/** Blocks of tables are kept for the next read: one in 20 of a store of 2.5 GiB, and all of a million small entries. */
export const cacheBytesMaxDefault = 128 * MiB;

/** A place in the cache is a 31-bit number. Who has more memory than that has it as the system's page cache. */
export const cacheBytesLimit = 2048 * MiB;

/** A manifest past this, and past twice its state, is written anew: a start reads the 4,000 edits that fit in 30 ms. */
export const manifestBytesMax = 1 * MiB;

/** Level 0 and six below it: with ten times as much a level, the last one holds as much as any disk. */
export const tableLevelMax = 6;

/** With so many tables of level 0 they are merged down: a read may have to look into each of them. */
export const levelZeroTablesMax = 8;

/** A level holds ten times what the one above it does. */
export const levelRatio = 10;

/** A thread that writes tables has this long to end its jobs, and once more to end itself; then nobody waits for it. */
export const jobRunnerCloseMsMax = 2_000;

/** Sealed memtables that wait to become tables: writers slow down from the second on, and stop at the last. */
export const memtablesWaitingMax = 4;

/**
 * From so many tables of level 0 on writers slow down, and at so many they stop: a look-up asks the filter of each, at
 * 10 ns. While a merge of 2 GiB runs, 25 tables come.
 */
export const levelZeroTablesSlow = 40;
export const levelZeroTablesStop = 100;

/** Flushes are believed to carry so many bytes a second at least: a slow one must not make all that follow slow. */
export const slowedBytesPerSecondMin = 32 * MiB;

/** Output of a background job: half of what makes the log's own syncs wait for it on a slow cloud disk. */
export const jobBytesPerSecondMax = 192 * MiB;

/** Memory goes into tables after this at the latest: what a restart has to replay was written since. */
export const checkpointIntervalMs = 300_000;

/**
 * A backup looks again when the store has moved on under it. With segments of 8 KiB, where a flush takes milliseconds,
 * it took two looks on average and five at most; with those of 64 KiB three at most.
 */
export const copyAttemptsMax = 20;

/**
 * A log that has stood still for so long is noted in the manifest, which costs two syncs: often enough that little is
 * exposed to damage of a whole sector, and so seldom that writers who come and go hardly pay for it.
 */
export const reachNoteMs = 1_000;

/** When no table has come for so long, those of level 0 are merged down although there are few of them. */
export const idleMergeMs = 1_000;

/** A full disk is asked this often whether there is room again. */
export const roomRetryMs = 1_000;

/** A snapshot is held for so long without being used, unless its holder asks for another time, at most this. */
export const snapshotLeaseMsDefault = 30_000;
export const snapshotLeaseMsMax = 600_000;

/** Every snapshot may keep a version of every key, and all versions of a key, up to 16 MiB each, lie in one table. */
export const snapshotsMax = 200;

// --- Wire ------------------------------------------------------------------------------------------------

/** The largest frame either side accepts: the largest batch, and the bytes around it. */
export const frameBytesMax = batchBytesMax + 1 * MiB;

/**
 * No answer is longer: a page that was nearly full, and one value of the greatest length. A client takes no more,
 * whatever its server announces: 34 MB of the smallest entries take 66 ms to read.
 */
export const answerFrameBytesMax = valueBytesMax + 1 * MiB;

/** Before its hello a peer is a stranger, and may make the server hold no frame larger than this. */
export const helloFrameBytesMax = 4 * KiB;

/** A connection that has this many requests unanswered is not read from until some are answered. */
export const inFlightRequestsMax = 16_384;

/** A connection that leaves this many response bytes unread is not read from until it has taken them. */
export const outputBytesMax = 8 * MiB;

/** The same, for all connections together: past it, those with the most unread bytes are closed. */
export const outputBytesTotalMax = 512 * MiB;

/**
 * Nor may one connection leave more unread than this share of what is free of that: a thousand that read nothing stop
 * each at half a megabyte and stay, instead of taking eight, being closed, and coming again.
 */
export const outputShareMax = 1 / 64;
/** But this part of what it may leave unread otherwise, 64 KiB, always: whoever reads needs that much to go on. */
export const outputRoomMin = 1 / 128;

/**
 * What all connections together have sent that was not taken, mostly of frames that are not whole: past it, the
 * oldest large ones are closed. It leaves room for fifteen of the largest frames at once, and far more than enough
 * for any usual ones.
 */
export const inputBytesTotalMax = 512 * MiB;

/** After so long a session lets others have their turn, whatever its peer has sent: well below any deadline. */
export const turnMsMax = 2;

/** So long one modest session may work at once while there are others: a few dozen requests. */
export const modestMsMax = 0.1;

/** Whoever asks for more than so many turns in a row can serve is greedy, until so many in a row served all of it. */
export const modestTurnsMax = 2;
export const wholeTurnsMin = 4;

/** So long all greedy ones together work in a pass while modest ones wait for it: fifty times what a look costs. */
export const greedyMsMax = 0.25;

/**
 * The same while nobody is modest. Fifty connections that pipeline 128 sets each take 6 ms, and are one group of the
 * log; whoever comes for the first time after a while waits for no more than this.
 */
export const passMsMax = 8;

/**
 * Modest sessions are about if so many of them were served within so long: small budgets cost the greedy ones a part of
 * their rate, which a monitor that asks twice a second is not worth. It waits for the large budget, if need be.
 */
export const modestVisitsMin = 4;
export const modestMemoryMs = 100;

/**
 * Half of what was asked for is forgotten at each of these intervals, and whoever asked for no more than this is never
 * greedy (src/server/demand.ts). An effort is a put, a quarter of a get (src/server/intake.ts), or so many bytes of any
 * request: some 600 puts a second, 150 gets, or 2.5 MiB.
 */
export const appetiteHalvesMs = 100;
export const modestEffortMax = 128;
export const bytesPerEffort = 4 * KiB;

/** So much effort, or output, goes by between two looks at the clock: some tens of microseconds. */
export const effortPerLook = 64;
export const outputPerLook = 256 * KiB;

/** A session that waits for its turn is not read from once it has received this much. */
export const turnInputBytesMax = 64 * KiB;

/** Answers wait for the end of a turn, and leave together; but more than this is given to the socket at once. */
export const turnOutputBytesMax = 64 * KiB;

/**
 * And no more than this, while modest sessions are about: a megabyte to a peer on the same machine takes 2 ms, in which
 * nobody is served. What is left over leaves in the session's next turn.
 */
export const sharedSendBytesMax = 128 * KiB;

/**
 * The system's buffers of a connection, each way. It would let them grow to 4 MiB and more, and five hundred peers that
 * read nothing then had all the memory that it has for sockets: packets of all others were lost for 200 ms each.
 */
export const socketBufferBytes = 128 * KiB;

/** File descriptors are finite, and each connection costs a few KiB. */
export const connectionsMax = 10_000;

/**
 * So many of those who are sent away leave at once, each second; more of them stay connected, and unheard, until it is
 * their turn. For whoever comes again costs about 0.1 ms, and half a megabyte of a large frame as much again.
 */
export const evictionsPerSecond = 50;
/** Those whose turn has come leave this often. */
export const farewellIntervalMs = 100;

/** A stranger has this long to say hello. */
export const helloDeadlineMs = 10_000;

/** A frame that was begun must be finished within this, and its bytes must keep coming. */
export const frameDeadlineMs = 30_000;

/** A connection without any request for this long is closed; the client's keepalive is far below it. */
export const idleDeadlineMs = 300_000;

/** A peer that takes nothing of what waits for it for this long is closed. */
export const outputDeadlineMs = 60_000;

/** SIGTERM lets connected peers finish for this long. */
export const drainDeadlineMs = 10_000;

/** Keys of one getMany; the answer is cut by bytes as well. */
export const getManyKeysMax = 65_536;

/** A page of a scan, or of a getMany, stops growing here: small enough to interleave, large enough to stream. */
export const pageBytesMax = 256 * KiB;
export const pageEntriesMax = 4_096;

/** What a client may call itself in its hello: enough for a name and a version, short enough for a line of a log. */
export const clientNameBytesMax = 255;

/** Credentials are a token or a user with a password; the hello's frame must hold them before anybody is trusted. */
export const credentialsBytesMax = 1 * KiB;

/** A session is named by 16 random bytes: two clients never choose the same. */
export const sessionBytes = 16;

/** An error's message is for a person to read; past this it is cut. */
export const errorMessageBytesMax = 1 * KiB;

/** The numbers that an error carries for a program to read. No error has more than two; the rest is room to grow. */
export const errorDetailsMax = 8;

/** The maps of the hello and of stats have a shape of the sender's choice, so they are kept small and flat. */
export const mapBytesMax = 64 * KiB;
export const mapDepthMax = 4;

// --- Server ----------------------------------------------------------------------------------------------

/** Deadlines are checked this often, by one timer for all connections; each is meant to be coarse by this much. */
export const sweepIntervalMs = 1_000;

/** An unfinished frame has this long before its speed is looked at: one lost packet may cost a second or two. */
export const frameGraceMs = 10_000;

/** After its grace a frame must have come at least this fast: bytes one at a time hold memory for ever. */
export const frameBytesPerSecondMin = 1 * KiB;

/** Whose write waits for its share of that for so long has timed out: what it sent is let go. */
export const heldWriteDeadlineMs = 30_000;

/** A connection that was ended stays half open for so long: its last words are read before a reset eats them. */
export const lingerDeadlineMs = 2_000;

/** After the notice of a shutdown a peer's requests are still refused by name for this long; then nobody listens. */
export const drainGraceMs = 50;

/** A process whose disk failed must go soon; its peers have this long to hear why. */
export const faultDeadlineMs = 1_000;

/**
 * Idle output buffers kept for the next answers: how many, how large one may have grown to be kept, and how large they
 * are together. Pages of scans fit: else a fast scan leaves 250 MB a second to the collector, and 300 MB lie about.
 */
export const spareWritersMax = 256;
export const spareWriterBytesMax = 2 * pageBytesMax;
export const spareWritersBytesTotalMax = 16 * MiB;

// --- Client ----------------------------------------------------------------------------------------------

/** A call may take this long in all, waiting, sent and being carried out, unless its caller says otherwise. */
export const callTimeoutMsDefault = 5_000;

/** A timer of JavaScript counts its milliseconds in 31 bits: longer ones would fire at once. */
export const timerMsMax = 2 ** 31 - 1;

/** `connect` tries for this long: a server that was started at the same time gets the time to recover. */
export const connectTimeoutMsDefault = 5_000;

/** One attempt to connect, hello included, takes no longer: what hangs is given up and begun again. */
export const connectAttemptMsMax = 5_000;

/** A client that said goodbye waits this long for the server to close its side, and then drops the socket. */
export const clientLingerMsMax = 2_000;

/**
 * A checkpoint writes out all that is in memory, and a compaction rewrites the whole store: at 100 MB/s the first takes
 * seconds and 50 GB take nine minutes. Whoever asked for it wants it done, so only a server that hangs is given up.
 */
export const administrativeTimeoutMsDefault = 15 * 60_000;

/** `close` waits this long for the answers that are still to come. */
export const closeTimeoutMsDefault = 5_000;

/** Requests of a client that wait to be sent: the largest frame and as much again beside it. */
export const queueBytesMaxDefault = 64 * MiB;

/** What a waiting call costs beside its frame (its slot, its promise and what awaits it), charged to the queue. */
export const queuedCallBytes = 256;

/** A client sends in slices of this size: what the socket did not take yet is certainly not applied. */
export const sendSliceBytesMax = 256 * KiB;

/** Calls of one client at a time: a correlation id holds the slot in 20 bits, and the slot's use in the other 12. */
export const callSlotsMax = 2 ** 20 - 2;

/** A silent server is asked for a sign of life after this long, well before it closes an idle connection. */
export const keepAliveMsDefault = 15_000;

/** A server that gives no sign of life for this long after it was asked is gone. */
export const keepAliveTimeoutMsDefault = 5_000;

/** The first attempt to reconnect follows within this, each next one within twice as long, at random. */
export const reconnectDelayMsFirst = 50;

/** Attempts to reconnect are at most this far apart: a server that comes back is found within it. */
export const reconnectDelayMsMaxDefault = 2_000;

/** Keys of one request of a client's getMany: far below any frame, and enough to fill many pages of answers. */
export const getManyRequestKeyBytesMax = 1 * MiB;

/** Arrays and objects within a msgpack value nest no deeper: their reader calls itself. */
export const valueDepthMax = 128;

/** A page of a scan ends after looking at so many keys, deleted ones too: a desert of tombstones costs 10 ms a page. */
export const pageVisitsMax = 65_536;
