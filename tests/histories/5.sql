PRAGMA application_id = 1633907814;
PRAGMA user_version = 5;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'actorflow','0001_initial','2026-11-20 12:45:22.294255+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'actorflow','0002_queue','2026-11-20 12:45:22.294534+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'actorflow','0003_inbox_checksum','2026-11-20 12:45:22.294674+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'actorflow','0004_parents','2026-11-20 12:45:22.294817+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'actorflow','0005_attributes','2026-11-20 12:45:22.294899+00:00');
CREATE TABLE attribute (
    key    TEXT    NOT NULL,
    value  ANY     NOT NULL,
    stream INTEGER NOT NULL REFERENCES stream (id),
    PRIMARY KEY (key, value, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    position INTEGER PRIMARY KEY,                   -- order of commit, over all streams
    stream   INTEGER NOT NULL REFERENCES stream (id),
    seq      INTEGER NOT NULL CHECK (seq > 0),      -- 1, 2, 3 ... within the stream
    address  TEXT    NOT NULL,                      -- whom inside the stream it is about
    type     TEXT    NOT NULL,                      -- the tag of the event's class
    time     INTEGER NOT NULL,
    data     TEXT    NOT NULL CHECK (json_valid(data)),
    checksum INTEGER NOT NULL  -- CRC-32 of the rest; SQLite itself has none for its pages
) STRICT;
INSERT INTO "event" VALUES(1,1,1,'','execution.started',1700000000000000,'{"workflow":"graph","fingerprint":"b7c2f3faccf80ae4","inputs":{"x":2,"limit":10}}',2570657122);
INSERT INTO "event" VALUES(2,1,2,'main','branch.started',1700000000000000,'{"step":"start"}',4161121307);
INSERT INTO "event" VALUES(3,1,3,'main/start','activation.started',1700000000000000,'{"kind":"activity","node":"double","step":"start","input":{"x":2},"store":"twice"}',3870228842);
INSERT INTO "event" VALUES(4,1,4,'main/start','activation.completed',1700000000000000,'{"result":4}',866438582);
INSERT INTO "event" VALUES(5,1,5,'tries','branch.started',1700000000000000,'{"step":"tries","parent":"main"}',1399417982);
INSERT INTO "event" VALUES(6,1,6,'fails','branch.started',1700000000000000,'{"step":"fails","parent":"main"}',2130808035);
INSERT INTO "event" VALUES(7,1,7,'final','branch.started',1700000000000000,'{"step":"meet","parent":"main"}',1899491616);
INSERT INTO "event" VALUES(8,1,8,'main','branch.completed',1700000000000000,'{}',681315103);
INSERT INTO "event" VALUES(9,1,9,'fails/fails','activation.started',1700000000000000,'{"kind":"activity","node":"refuse","step":"fails","input":{}}',3828725143);
INSERT INTO "event" VALUES(10,1,10,'tries/tries','activation.started',1700000000000000,'{"kind":"activity","node":"third_time","step":"tries","input":{},"store":"tries"}',4127435381);
INSERT INTO "event" VALUES(11,1,11,'final/meet','activation.started',1700000000000000,'{"kind":"join","node":"meet","step":"meet","input":{"mappings":{"tries.advice":"advice","fails.caught":"caught"}}}',635640251);
INSERT INTO "event" VALUES(12,1,12,'tries/tries','attempt.failed',1700000000000000,'{"attempt":1,"error":{"type":"activity_failed","message":"not yet","exceptions":["builtins:ConnectionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 40, in third_time\n    raise ConnectionError(\"not yet\")\nConnectionError: not yet\n","address":"tries/tries","node":"third_time"},"retry_at":1700000005.0}',2198566559);
INSERT INTO "event" VALUES(13,1,13,'fails/fails','activation.failed',1700000000000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"fails/fails","node":"refuse"}}',1415823384);
INSERT INTO "event" VALUES(14,1,14,'fails','branch.diverted',1700000000000000,'{"step":"caught","error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"fails/fails","node":"refuse"},"store":"error"}',3133452352);
INSERT INTO "event" VALUES(15,1,15,'fails/caught','activation.started',1700000000000000,'{"kind":"activity","node":"caught","step":"caught","input":{"error":{"type":"activity_failed","message":"no","details":null,"node":"refuse","address":"fails/fails"}},"store":"caught"}',4215408993);
INSERT INTO "event" VALUES(16,1,16,'fails/caught','activation.completed',1700000000000000,'{"result":"activity_failed"}',754326377);
INSERT INTO "event" VALUES(17,1,17,'fails/sleep','activation.started',1700000000000000,'{"kind":"sleep","node":"sleep","step":"sleep"}',3215492095);
INSERT INTO "event" VALUES(18,1,18,'fails/sleep','wait.started',1700000000000000,'{"wait":0,"kind":"time","deadline":1700000060.0}',1466769654);
INSERT INTO "event" VALUES(19,1,19,'tries/tries','attempt.started',1700000005000000,'{"attempt":2}',3955539846);
INSERT INTO "event" VALUES(20,1,20,'tries/tries','attempt.failed',1700000005000000,'{"attempt":2,"error":{"type":"activity_failed","message":"not yet","exceptions":["builtins:ConnectionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 40, in third_time\n    raise ConnectionError(\"not yet\")\nConnectionError: not yet\n","address":"tries/tries","node":"third_time"},"retry_at":1700000015.0}',2930341780);
INSERT INTO "event" VALUES(21,1,21,'tries/tries','attempt.started',1700000015000000,'{"attempt":3}',2206815867);
INSERT INTO "event" VALUES(22,1,22,'tries/tries','activation.completed',1700000015000000,'{"result":3}',4244178678);
INSERT INTO "event" VALUES(23,1,23,'tries/agent','activation.started',1700000015000000,'{"kind":"activity","node":"agent","step":"agent","input":{},"store":"advice"}',1599260115);
INSERT INTO "event" VALUES(24,1,24,'tries/agent','value.recorded',1700000015000000,'{"key":"plan","value":"the plan"}',1398007241);
INSERT INTO "event" VALUES(25,1,25,'tries/agent','progress.reported',1700000015000000,'{"done":1.0,"total":2.0,"message":"planned"}',1245450454);
INSERT INTO "event" VALUES(26,1,26,'tries/agent','value.emitted',1700000015000000,'{"value":{"plan":"the plan"}}',3893241972);
INSERT INTO "event" VALUES(27,1,27,'tries/agent','wait.started',1700000015000000,'{"wait":0,"kind":"signal","topic":"advice","deadline":1700003615.0}',3003157588);
INSERT INTO "event" VALUES(28,1,28,'','signal.received',1700000015000000,'{"topic":"advice","payload":"do it","key":"advice"}',991403575);
INSERT INTO "event" VALUES(29,1,29,'tries/agent','wait.ended',1700000015000000,'{"wait":0,"signal":28}',3487556329);
INSERT INTO "event" VALUES(30,1,30,'tries/agent','progress.reported',1700000015000000,'{"done":1.0,"total":2.0,"message":"planned"}',3816882736);
INSERT INTO "event" VALUES(31,1,31,'tries/agent','value.emitted',1700000015000000,'{"value":{"plan":"the plan"}}',3442230187);
INSERT INTO "event" VALUES(32,1,32,'tries/agent','activation.completed',1700000015000000,'{"result":["the plan","do it"]}',812484715);
INSERT INTO "event" VALUES(33,1,33,'tries','branch.completed',1700000015000000,'{}',2220817289);
INSERT INTO "event" VALUES(34,1,34,'fails/sleep','wait.ended',1700000060000000,'{"wait":0}',4099821789);
INSERT INTO "event" VALUES(35,1,35,'fails/sleep','activation.completed',1700000060000000,'{}',4170018902);
INSERT INTO "event" VALUES(36,1,36,'fails/look','activation.started',1700000060000000,'{"kind":"pause","node":"look","step":"look"}',3301738662);
INSERT INTO "event" VALUES(37,1,37,'fails/look','wait.started',1700000060000000,'{"wait":0,"kind":"pause","reason":"have a look"}',3555718742);
INSERT INTO "event" VALUES(38,1,38,'fails/look','wait.ended',1700000060000000,'{"wait":0}',3189218243);
INSERT INTO "event" VALUES(39,1,39,'fails/look','activation.completed',1700000060000000,'{}',1594296079);
INSERT INTO "event" VALUES(40,1,40,'fails/seen','activation.started',1700000060000000,'{"kind":"activity","node":"double","step":"seen","input":{"x":4}}',904451850);
INSERT INTO "event" VALUES(41,1,41,'fails/seen','activation.completed',1700000060000000,'{"result":8}',1851848213);
INSERT INTO "event" VALUES(42,1,42,'fails','branch.completed',1700000060000000,'{}',3652877601);
INSERT INTO "event" VALUES(43,1,43,'final/meet','activation.completed',1700000060000000,'{"result":["tries","fails"]}',3102719806);
INSERT INTO "event" VALUES(44,1,44,'final','branch.completed',1700000060000000,'{}',1350763302);
INSERT INTO "event" VALUES(45,1,45,'','execution.completed',1700000060000000,'{"output":{"advice":["the plan","do it"],"caught":"activity_failed"}}',560145303);
INSERT INTO "event" VALUES(46,2,1,'','execution.started',1700000060000000,'{"workflow":"everything","fingerprint":"7411ef5d096088aa","inputs":{"x":1}}',266905597);
INSERT INTO "event" VALUES(47,2,2,'main','branch.started',1700000060000000,'{"step":"items"}',2831545521);
INSERT INTO "event" VALUES(48,2,3,'main/items','activation.started',1700000060000000,'{"kind":"map","node":"items","step":"items","input":{"items":[1,2],"bodies":[["flow","item",null]],"limit":2,"on_error":"wait"},"store":"items"}',1521316949);
INSERT INTO "event" VALUES(49,2,4,'main/items','items.started',1700000060000000,'{"first":0,"count":2}',176270197);
INSERT INTO "event" VALUES(50,2,5,'main/items[0]','flow.started',1700000060000000,'{"inputs":{"x":1}}',1512574487);
INSERT INTO "event" VALUES(51,2,6,'main/items[0]/main','branch.started',1700000060000000,'{"step":"when"}',97322610);
INSERT INTO "event" VALUES(52,2,7,'main/items[0]/main/when','activation.started',1700000060000000,'{"kind":"decide","node":"when","step":"when"}',2263125644);
INSERT INTO "event" VALUES(53,2,8,'main/items[0]/main/when','activation.completed',1700000060000000,'{}',2767277480);
INSERT INTO "event" VALUES(54,2,9,'main/items[0]/main/sleep','activation.started',1700000060000000,'{"kind":"sleep","node":"sleep","step":"sleep"}',361883003);
INSERT INTO "event" VALUES(55,2,10,'main/items[0]/main/sleep','wait.started',1700000060000000,'{"wait":0,"kind":"time","deadline":1700000090.0}',3178747830);
INSERT INTO "event" VALUES(56,2,11,'main/items[1]','flow.started',1700000060000000,'{"inputs":{"x":2}}',2400533658);
INSERT INTO "event" VALUES(57,2,12,'main/items[1]/main','branch.started',1700000060000000,'{"step":"when"}',2426940690);
INSERT INTO "event" VALUES(58,2,13,'main/items[1]/main/when','activation.started',1700000060000000,'{"kind":"decide","node":"when","step":"when"}',926621511);
INSERT INTO "event" VALUES(59,2,14,'main/items[1]/main/when','activation.completed',1700000060000000,'{}',2272606200);
INSERT INTO "event" VALUES(60,2,15,'main/items[1]/main/item-${x}','activation.started',1700000060000000,'{"kind":"wait_signal","node":"item-${x}","step":"item-${x}","input":{"topic":"item-2"},"store":"heard"}',4230197020);
INSERT INTO "event" VALUES(61,2,16,'main/items[1]/main/item-${x}','wait.started',1700000060000000,'{"wait":0,"kind":"signal","topic":"item-2"}',1271351460);
INSERT INTO "event" VALUES(62,2,17,'','signal.received',1700000060000000,'{"topic":"item-2","payload":"heard","key":"item-2"}',3074397927);
INSERT INTO "event" VALUES(63,2,18,'main/items[1]/main/item-${x}','wait.ended',1700000060000000,'{"wait":0,"signal":17}',344342725);
INSERT INTO "event" VALUES(64,2,19,'main/items[1]/main/item-${x}','activation.completed',1700000060000000,'{"result":"heard"}',1126517919);
INSERT INTO "event" VALUES(65,2,20,'main/items[1]/main/double','activation.started',1700000060000000,'{"kind":"activity","node":"double","step":"double","input":{"x":2},"store":"double"}',3761573316);
INSERT INTO "event" VALUES(66,2,21,'main/items[1]/main/double','activation.completed',1700000060000000,'{"result":4}',3419643627);
INSERT INTO "event" VALUES(67,2,22,'main/items[1]/main','branch.completed',1700000060000000,'{}',3223379841);
INSERT INTO "event" VALUES(68,2,23,'main/items[1]','activation.completed',1700000060000000,'{"result":4}',2281810824);
INSERT INTO "event" VALUES(69,2,24,'main/items[0]/main/sleep','wait.ended',1700000090000000,'{"wait":0}',3443991612);
INSERT INTO "event" VALUES(70,2,25,'main/items[0]/main/sleep','activation.completed',1700000090000000,'{}',3146320065);
INSERT INTO "event" VALUES(71,2,26,'main/items[0]/main/double','activation.started',1700000090000000,'{"kind":"activity","node":"double","step":"double","input":{"x":1},"store":"double"}',3285590192);
INSERT INTO "event" VALUES(72,2,27,'main/items[0]/main/double','activation.completed',1700000090000000,'{"result":2}',825203384);
INSERT INTO "event" VALUES(73,2,28,'main/items[0]/main','branch.completed',1700000090000000,'{}',2381522125);
INSERT INTO "event" VALUES(74,2,29,'main/items[0]','activation.completed',1700000090000000,'{"result":2}',1570442084);
INSERT INTO "event" VALUES(75,2,30,'main/items','activation.completed',1700000090000000,'{}',1375655622);
INSERT INTO "event" VALUES(76,2,31,'main/plain','activation.started',1700000090000000,'{"kind":"map","node":"plain","step":"plain","input":{"items":[0,1,2],"bodies":[["activity","double",null]],"limit":1,"on_error":"wait"},"store":"plain"}',3386630146);
INSERT INTO "event" VALUES(77,2,32,'main/plain','items.started',1700000090000000,'{"first":0,"count":1,"bare":true}',1033917380);
INSERT INTO "event" VALUES(78,2,33,'main/plain[0]','activation.completed',1700000090000000,'{"result":0}',2425460070);
INSERT INTO "event" VALUES(79,2,34,'main/plain','items.started',1700000090000000,'{"first":1,"count":1,"bare":true}',1433796220);
INSERT INTO "event" VALUES(80,2,35,'main/plain[1]','activation.completed',1700000090000000,'{"result":2}',3011227558);
INSERT INTO "event" VALUES(81,2,36,'main/plain','items.started',1700000090000000,'{"first":2,"count":1,"bare":true}',1438969633);
INSERT INTO "event" VALUES(82,2,37,'main/plain[2]','activation.completed',1700000090000000,'{"result":4}',4120609501);
INSERT INTO "event" VALUES(83,2,38,'main/plain','activation.completed',1700000090000000,'{}',2947988849);
INSERT INTO "event" VALUES(84,2,39,'main/both','activation.started',1700000090000000,'{"kind":"parallel","node":"both","step":"both","input":{"items":[{"x":1},{"x":1}],"names":["double","slow"],"bodies":[["activity","double",null],["flow","slow",null]],"limit":null,"on_error":"wait"},"store":"both"}',2961272928);
INSERT INTO "event" VALUES(85,2,40,'main/both','items.started',1700000090000000,'{"first":0,"count":2}',1202560486);
INSERT INTO "event" VALUES(86,2,41,'main/both[slow]','flow.started',1700000090000000,'{"inputs":{"x":1}}',1428536049);
INSERT INTO "event" VALUES(87,2,42,'main/both[slow]/main','branch.started',1700000090000000,'{"step":"sleep"}',3123162903);
INSERT INTO "event" VALUES(88,2,43,'main/both[slow]/main/sleep','activation.started',1700000090000000,'{"kind":"sleep","node":"sleep","step":"sleep"}',1802351085);
INSERT INTO "event" VALUES(89,2,44,'main/both[slow]/main/sleep','wait.started',1700000090000000,'{"wait":0,"kind":"time","deadline":1700000095.0}',2595125091);
INSERT INTO "event" VALUES(90,2,45,'main/both[double]','activation.completed',1700000090000000,'{"result":2}',2693112979);
INSERT INTO "event" VALUES(91,2,46,'main/both[slow]/main/sleep','wait.ended',1700000095000000,'{"wait":0}',2702561347);
INSERT INTO "event" VALUES(92,2,47,'main/both[slow]/main/sleep','activation.completed',1700000095000000,'{}',1008317648);
INSERT INTO "event" VALUES(93,2,48,'main/both[slow]/main/double','activation.started',1700000095000000,'{"kind":"activity","node":"double","step":"double","input":{"x":1},"store":"double"}',2595293276);
INSERT INTO "event" VALUES(94,2,49,'main/both[slow]/main/double','activation.completed',1700000095000000,'{"result":2}',1988479262);
INSERT INTO "event" VALUES(95,2,50,'main/both[slow]/main','branch.completed',1700000095000000,'{}',1297053223);
INSERT INTO "event" VALUES(96,2,51,'main/both[slow]','activation.completed',1700000095000000,'{"result":2}',711567186);
INSERT INTO "event" VALUES(97,2,52,'main/both','activation.completed',1700000095000000,'{}',20259767);
INSERT INTO "event" VALUES(98,2,53,'main/count','activation.started',1700000095000000,'{"kind":"loop","node":"count","step":"count","input":{"initial":1},"store":"count"}',3006778063);
INSERT INTO "event" VALUES(99,2,54,'main/count@1','activation.started',1700000095000000,'{"kind":"activity","node":"double","input":{"*":{"args":[1],"kwargs":{}}}}',32486833);
INSERT INTO "event" VALUES(100,2,55,'main/count@1','activation.completed',1700000095000000,'{"result":2}',1468010320);
INSERT INTO "event" VALUES(101,2,56,'main/count','value.recorded',1700000095000000,'{"key":"previous","value":2}',1674521914);
INSERT INTO "event" VALUES(102,2,57,'main/count@2','activation.started',1700000095000000,'{"kind":"activity","node":"double","input":{"*":{"args":[2],"kwargs":{}}}}',1530862438);
INSERT INTO "event" VALUES(103,2,58,'main/count@2','activation.completed',1700000095000000,'{"result":4}',2301312458);
INSERT INTO "event" VALUES(104,2,59,'main/count','value.recorded',1700000095000000,'{"key":"previous","value":4}',1288039713);
INSERT INTO "event" VALUES(105,2,60,'main/count@3','activation.started',1700000095000000,'{"kind":"activity","node":"double","input":{"*":{"args":[4],"kwargs":{}}}}',142967977);
INSERT INTO "event" VALUES(106,2,61,'main/count@3','activation.completed',1700000095000000,'{"result":8}',3405162938);
INSERT INTO "event" VALUES(107,2,62,'main/count','activation.completed',1700000095000000,'{"result":8}',1485095148);
INSERT INTO "event" VALUES(108,2,63,'main/route','activation.started',1700000095000000,'{"kind":"route","node":"route","step":"route","input":{"key":"small","arguments":{"x":1}},"store":"route"}',2723463296);
INSERT INTO "event" VALUES(109,2,64,'main/route/double','activation.started',1700000095000000,'{"kind":"activity","node":"double","input":{"x":1}}',1279954803);
INSERT INTO "event" VALUES(110,2,65,'main/route/double','activation.completed',1700000095000000,'{"result":2}',178771450);
INSERT INTO "event" VALUES(111,2,66,'main/route','activation.completed',1700000095000000,'{"result":{"key":"small","result":2}}',284263395);
INSERT INTO "event" VALUES(112,2,67,'main/fine','activation.started',1700000095000000,'{"kind":"ask","node":"fine","step":"fine","input":"fine","store":"fine"}',678149422);
INSERT INTO "event" VALUES(113,2,68,'main/fine','wait.started',1700000095000000,'{"wait":0,"kind":"question","topic":"fine","deadline":1700000695.0,"reason":"fine","schema":"boolean"}',820609352);
INSERT INTO "event" VALUES(114,2,69,'main/fine','wait.ended',1700000095000000,'{"wait":0,"answer":{"value":true,"by":null}}',1294193195);
INSERT INTO "event" VALUES(115,2,70,'main/fine','activation.completed',1700000095000000,'{"result":{"approved":true,"by":null,"at":1700000095.0}}',335836296);
INSERT INTO "event" VALUES(116,2,71,'main/add','activation.started',1700000095000000,'{"kind":"activity","node":"add","step":"add","input":{"x":8,"y":2},"store":"add"}',1881284789);
INSERT INTO "event" VALUES(117,2,72,'main/add','activation.completed',1700000095000000,'{"result":10}',1596842960);
INSERT INTO "event" VALUES(118,2,73,'main','branch.completed',1700000095000000,'{}',250982319);
INSERT INTO "event" VALUES(119,2,74,'','execution.completed',1700000095000000,'{"output":{"add":10,"items":[2,4],"plain":[0,2,4]}}',3800512590);
INSERT INTO "event" VALUES(120,3,1,'','execution.started',1700000095000000,'{"workflow":"saga","fingerprint":"4eb81cc1dd6aab5b","inputs":{"x":7}}',2735241795);
INSERT INTO "event" VALUES(121,3,2,'main','branch.started',1700000095000000,'{"step":"take"}',1955322676);
INSERT INTO "event" VALUES(122,3,3,'main/take','activation.started',1700000095000000,'{"kind":"activity","node":"take","step":"take","input":{"x":7},"store":"first","undo":"give_back"}',1364742691);
INSERT INTO "event" VALUES(123,3,4,'main/take','activation.completed',1700000095000000,'{"result":7}',109485096);
INSERT INTO "event" VALUES(124,3,5,'main/more','activation.started',1700000095000000,'{"kind":"map","node":"more","step":"more","input":{"items":[1,2],"bodies":[["activity","take","give_back"]],"limit":1,"on_error":"wait"},"store":"more"}',3726217110);
INSERT INTO "event" VALUES(125,3,6,'main/more','items.started',1700000095000000,'{"first":0,"count":1,"bare":true}',1140788717);
INSERT INTO "event" VALUES(126,3,7,'main/more[0]','activation.completed',1700000095000000,'{"result":1}',213737453);
INSERT INTO "event" VALUES(127,3,8,'main/more','items.started',1700000095000000,'{"first":1,"count":1,"bare":true}',4169424570);
INSERT INTO "event" VALUES(128,3,9,'main/more[1]','activation.completed',1700000095000000,'{"result":2}',832822287);
INSERT INTO "event" VALUES(129,3,10,'main/more','activation.completed',1700000095000000,'{}',982974800);
INSERT INTO "event" VALUES(130,3,11,'main/refuse','activation.started',1700000095000000,'{"kind":"activity","node":"refuse","step":"refuse","input":{},"store":"refuse"}',1787049182);
INSERT INTO "event" VALUES(131,3,12,'main/refuse','activation.failed',1700000095000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',386613520);
INSERT INTO "event" VALUES(132,3,13,'main','branch.failed',1700000095000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',1268488638);
INSERT INTO "event" VALUES(133,3,14,'','compensation.started',1700000095000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',3521244127);
INSERT INTO "event" VALUES(134,3,15,'undo#3','activation.started',1700000095000000,'{"kind":"activity","node":"give_back","step":"main/more[1]","input":{"result":2}}',1826703784);
INSERT INTO "event" VALUES(135,3,16,'undo#3','activation.completed',1700000095000000,'{"result":-2}',43738345);
INSERT INTO "event" VALUES(136,3,17,'undo#2','activation.started',1700000095000000,'{"kind":"activity","node":"give_back","step":"main/more[0]","input":{"result":1}}',51516167);
INSERT INTO "event" VALUES(137,3,18,'undo#2','activation.completed',1700000095000000,'{"result":-1}',1681768887);
INSERT INTO "event" VALUES(138,3,19,'undo#1','activation.started',1700000095000000,'{"kind":"activity","node":"give_back","step":"main/take","input":{"result":7}}',3891773388);
INSERT INTO "event" VALUES(139,3,20,'undo#1','activation.completed',1700000095000000,'{"result":-7}',3614444174);
INSERT INTO "event" VALUES(140,3,21,'','execution.failed',1700000095000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',2849312767);
INSERT INTO "event" VALUES(141,4,1,'','execution.started',1700000095000000,'{"workflow":"node","fingerprint":"7a96f97421bad059","inputs":{"x":4}}',106259870);
INSERT INTO "event" VALUES(142,4,2,'main','branch.started',1700000095000000,'{"step":"node"}',831870206);
INSERT INTO "event" VALUES(143,4,3,'main/node','activation.started',1700000095000000,'{"kind":"dynamic","node":"node","step":"node","input":{"x":4},"store":"result"}',3515983145);
INSERT INTO "event" VALUES(144,4,4,'main/node/double#1','activation.started',1700000095000000,'{"kind":"activity","node":"double","input":{"*":{"args":[4],"kwargs":{}}}}',3556711893);
INSERT INTO "event" VALUES(145,4,5,'main/node/add#2','activation.started',1700000095000000,'{"kind":"activity","node":"add","input":{"*":{"args":[4,1],"kwargs":{}}}}',2521557858);
INSERT INTO "event" VALUES(146,4,6,'main/node/double#1','activation.completed',1700000095000000,'{"result":8}',2422246301);
INSERT INTO "event" VALUES(147,4,7,'main/node/add#2','activation.completed',1700000095000000,'{"result":5}',3547255634);
INSERT INTO "event" VALUES(148,4,8,'main/node/timer#3','activation.started',1700000095000000,'{"kind":"sleep","node":"timer"}',1686099900);
INSERT INTO "event" VALUES(149,4,9,'main/node/timer#3','wait.started',1700000095000000,'{"wait":0,"kind":"time","deadline":1700000105.0}',665340575);
INSERT INTO "event" VALUES(150,4,10,'main/node','value.emitted',1700000095000000,'{"value":{"first":8}}',500781198);
INSERT INTO "event" VALUES(151,4,11,'main/node/timer#3','wait.ended',1700000105000000,'{"wait":0}',1555363788);
INSERT INTO "event" VALUES(152,4,12,'main/node/timer#3','activation.completed',1700000105000000,'{}',970984944);
INSERT INTO "event" VALUES(153,4,13,'main/node/double#4','activation.started',1700000105000000,'{"kind":"map","node":"double","input":{"items":[1,2,3],"bodies":[["activity","double",null]],"limit":2,"on_error":"wait"}}',2745034906);
INSERT INTO "event" VALUES(154,4,14,'main/node/double#4','items.started',1700000105000000,'{"first":0,"count":2,"bare":true}',264047263);
INSERT INTO "event" VALUES(155,4,15,'main/node/double#4[0]','activation.completed',1700000105000000,'{"result":2}',4177974298);
INSERT INTO "event" VALUES(156,4,16,'main/node/double#4[1]','activation.completed',1700000105000000,'{"result":4}',589686385);
INSERT INTO "event" VALUES(157,4,17,'main/node/double#4','items.started',1700000105000000,'{"first":2,"count":1,"bare":true}',3060106952);
INSERT INTO "event" VALUES(158,4,18,'main/node/double#4[2]','activation.completed',1700000105000000,'{"result":6}',4226943733);
INSERT INTO "event" VALUES(159,4,19,'main/node/double#4','activation.completed',1700000105000000,'{}',407414237);
INSERT INTO "event" VALUES(160,4,20,'main/node/ask:more#5','activation.started',1700000105000000,'{"kind":"ask","node":"more","input":"More?"}',2505655051);
INSERT INTO "event" VALUES(161,4,21,'main/node/ask:more#5','wait.started',1700000105000000,'{"wait":0,"kind":"question","topic":"more","reason":"More?","schema":"integer"}',87668429);
INSERT INTO "event" VALUES(162,4,22,'main/node/ask:more#5','wait.ended',1700000105000000,'{"wait":0,"answer":{"value":5,"by":null}}',2673766496);
INSERT INTO "event" VALUES(163,4,23,'main/node/ask:more#5','activation.completed',1700000105000000,'{"result":5}',2423811264);
INSERT INTO "event" VALUES(164,4,24,'main/node/signal:never#6','activation.started',1700000105000000,'{"kind":"wait_signal","node":"never","input":{"topic":"never"}}',1781396361);
INSERT INTO "event" VALUES(165,4,25,'main/node/signal:never#6','wait.started',1700000105000000,'{"wait":0,"kind":"signal","topic":"never","deadline":1700000125.0}',3526543540);
INSERT INTO "event" VALUES(166,4,26,'main/node/signal:never#6','wait.ended',1700000125000000,'{"wait":0,"timed_out":true}',773649741);
INSERT INTO "event" VALUES(167,4,27,'main/node/signal:never#6','activation.failed',1700000125000000,'{"error":{"type":"timeout","message":"nothing came on ''never'' in time","exceptions":["builtins:TimeoutError","builtins:OSError"],"address":"main/node/signal:never#6","node":"never"}}',4010840163);
INSERT INTO "event" VALUES(168,4,28,'main/node','node.settled',1700000125000000,'{"taken":5,"emitted":1}',4246293550);
INSERT INTO "event" VALUES(169,4,29,'main/node/refuse#7','activation.started',1700000125000000,'{"kind":"activity","node":"refuse","input":{}}',3520575318);
INSERT INTO "event" VALUES(170,4,30,'main/node/refuse#7','activation.failed',1700000125000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/node/refuse#7","node":"refuse"}}',2591461926);
INSERT INTO "event" VALUES(171,4,31,'main/node','node.settled',1700000125000000,'{"taken":6,"emitted":1}',2484016314);
INSERT INTO "event" VALUES(172,4,32,'main/node','value.recorded',1700000125000000,'{"key":"patch:v2","value":true}',606056560);
INSERT INTO "event" VALUES(173,4,33,'main/node','activation.completed',1700000125000000,'{"result":{"sum":18,"mapped":[2,4,6],"late":true,"failed":"NodeFailed","patched":true}}',502060684);
INSERT INTO "event" VALUES(174,4,34,'main','branch.completed',1700000125000000,'{}',282805164);
INSERT INTO "event" VALUES(175,4,35,'','execution.completed',1700000125000000,'{"output":{"sum":18,"mapped":[2,4,6],"late":true,"failed":"NodeFailed","patched":true}}',1891098888);
INSERT INTO "event" VALUES(176,5,1,'','execution.started',1700000125000000,'{"workflow":"graph","fingerprint":"b7c2f3faccf80ae4","inputs":{"x":2,"limit":10}}',1805894574);
INSERT INTO "event" VALUES(177,5,2,'main','branch.started',1700000125000000,'{"step":"start"}',1734203305);
INSERT INTO "event" VALUES(178,5,3,'main/start','activation.started',1700000125000000,'{"kind":"activity","node":"double","step":"start","input":{"x":2},"store":"twice"}',1955534127);
INSERT INTO "event" VALUES(179,5,4,'main/start','activation.completed',1700000125000000,'{"result":4}',3955390484);
INSERT INTO "event" VALUES(180,5,5,'tries','branch.started',1700000125000000,'{"step":"tries","parent":"main"}',2261458443);
INSERT INTO "event" VALUES(181,5,6,'fails','branch.started',1700000125000000,'{"step":"fails","parent":"main"}',2862874262);
INSERT INTO "event" VALUES(182,5,7,'final','branch.started',1700000125000000,'{"step":"meet","parent":"main"}',3003408386);
INSERT INTO "event" VALUES(183,5,8,'main','branch.completed',1700000125000000,'{}',226244085);
INSERT INTO "event" VALUES(184,5,9,'fails/fails','activation.started',1700000125000000,'{"kind":"activity","node":"refuse","step":"fails","input":{}}',3140655783);
INSERT INTO "event" VALUES(185,5,10,'tries/tries','activation.started',1700000125000000,'{"kind":"activity","node":"third_time","step":"tries","input":{},"store":"tries"}',77165753);
INSERT INTO "event" VALUES(186,5,11,'tries/tries','attempt.failed',1700000125000000,'{"attempt":1,"error":{"type":"activity_failed","message":"not yet","exceptions":["builtins:ConnectionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 40, in third_time\n    raise ConnectionError(\"not yet\")\nConnectionError: not yet\n","address":"tries/tries","node":"third_time"},"retry_at":1700000130.0}',2654819491);
INSERT INTO "event" VALUES(187,5,12,'final/meet','activation.started',1700000125000000,'{"kind":"join","node":"meet","step":"meet","input":{"mappings":{"tries.advice":"advice","fails.caught":"caught"}}}',2579517655);
INSERT INTO "event" VALUES(188,5,13,'fails/fails','activation.failed',1700000125000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"fails/fails","node":"refuse"}}',2861565253);
INSERT INTO "event" VALUES(189,5,14,'fails','branch.diverted',1700000125000000,'{"step":"caught","error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"fails/fails","node":"refuse"},"store":"error"}',2642276547);
INSERT INTO "event" VALUES(190,5,15,'fails/caught','activation.started',1700000125000000,'{"kind":"activity","node":"caught","step":"caught","input":{"error":{"type":"activity_failed","message":"no","details":null,"node":"refuse","address":"fails/fails"}},"store":"caught"}',3303870038);
INSERT INTO "event" VALUES(191,5,16,'fails/caught','activation.completed',1700000125000000,'{"result":"activity_failed"}',3603907318);
INSERT INTO "event" VALUES(192,5,17,'fails/sleep','activation.started',1700000125000000,'{"kind":"sleep","node":"sleep","step":"sleep"}',3775527270);
INSERT INTO "event" VALUES(193,5,18,'fails/sleep','wait.started',1700000125000000,'{"wait":0,"kind":"time","deadline":1700000185.0}',76303056);
INSERT INTO "event" VALUES(194,5,19,'tries/tries','attempt.started',1700000130000000,'{"attempt":2}',3303833399);
INSERT INTO "event" VALUES(195,5,20,'tries/tries','attempt.failed',1700000130000000,'{"attempt":2,"error":{"type":"activity_failed","message":"not yet","exceptions":["builtins:ConnectionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 40, in third_time\n    raise ConnectionError(\"not yet\")\nConnectionError: not yet\n","address":"tries/tries","node":"third_time"},"retry_at":1700000140.0}',998977447);
INSERT INTO "event" VALUES(196,5,21,'tries/tries','attempt.started',1700000140000000,'{"attempt":3}',3729837130);
INSERT INTO "event" VALUES(197,5,22,'tries/tries','activation.completed',1700000140000000,'{"result":3}',1299723532);
INSERT INTO "event" VALUES(198,5,23,'tries/agent','activation.started',1700000140000000,'{"kind":"activity","node":"agent","step":"agent","input":{},"store":"advice"}',1256105507);
INSERT INTO "event" VALUES(199,5,24,'tries/agent','value.recorded',1700000140000000,'{"key":"plan","value":"the plan"}',2728873984);
INSERT INTO "event" VALUES(200,5,25,'tries/agent','progress.reported',1700000140000000,'{"done":1.0,"total":2.0,"message":"planned"}',14468124);
INSERT INTO "event" VALUES(201,5,26,'tries/agent','value.emitted',1700000140000000,'{"value":{"plan":"the plan"}}',2652660436);
INSERT INTO "event" VALUES(202,5,27,'tries/agent','wait.started',1700000140000000,'{"wait":0,"kind":"signal","topic":"advice","deadline":1700003740.0}',663868871);
INSERT INTO "event" VALUES(203,6,1,'','execution.started',1700000140000000,'{"workflow":"everything","fingerprint":"7411ef5d096088aa","inputs":{"x":1}}',2960014050);
INSERT INTO "event" VALUES(204,6,2,'main','branch.started',1700000140000000,'{"step":"items"}',3753800827);
INSERT INTO "event" VALUES(205,6,3,'main/items','activation.started',1700000140000000,'{"kind":"map","node":"items","step":"items","input":{"items":[1,2],"bodies":[["flow","item",null]],"limit":2,"on_error":"wait"},"store":"items"}',4082503694);
INSERT INTO "event" VALUES(206,6,4,'main/items','items.started',1700000140000000,'{"first":0,"count":2}',2091353524);
INSERT INTO "event" VALUES(207,6,5,'main/items[1]','flow.started',1700000140000000,'{"inputs":{"x":2}}',1325238338);
INSERT INTO "event" VALUES(208,6,6,'main/items[1]/main','branch.started',1700000140000000,'{"step":"when"}',1535043939);
INSERT INTO "event" VALUES(209,6,7,'main/items[0]','flow.started',1700000140000000,'{"inputs":{"x":1}}',1134467299);
INSERT INTO "event" VALUES(210,6,8,'main/items[0]/main','branch.started',1700000140000000,'{"step":"when"}',1670365548);
INSERT INTO "event" VALUES(211,6,9,'main/items[0]/main/when','activation.started',1700000140000000,'{"kind":"decide","node":"when","step":"when"}',3050311486);
INSERT INTO "event" VALUES(212,6,10,'main/items[0]/main/when','activation.completed',1700000140000000,'{}',3333668906);
INSERT INTO "event" VALUES(213,6,11,'main/items[0]/main/sleep','activation.started',1700000140000000,'{"kind":"sleep","node":"sleep","step":"sleep"}',38165513);
INSERT INTO "event" VALUES(214,6,12,'main/items[0]/main/sleep','wait.started',1700000140000000,'{"wait":0,"kind":"time","deadline":1700000170.0}',3566622562);
INSERT INTO "event" VALUES(215,6,13,'main/items[1]/main/when','activation.started',1700000140000000,'{"kind":"decide","node":"when","step":"when"}',376700731);
INSERT INTO "event" VALUES(216,6,14,'main/items[1]/main/when','activation.completed',1700000140000000,'{}',1153221206);
INSERT INTO "event" VALUES(217,6,15,'main/items[1]/main/item-${x}','activation.started',1700000140000000,'{"kind":"wait_signal","node":"item-${x}","step":"item-${x}","input":{"topic":"item-2"},"store":"heard"}',696523375);
INSERT INTO "event" VALUES(218,6,16,'main/items[1]/main/item-${x}','wait.started',1700000140000000,'{"wait":0,"kind":"signal","topic":"item-2"}',3867541759);
INSERT INTO "event" VALUES(219,7,1,'','execution.started',1700000140000000,'{"workflow":"saga","fingerprint":"4eb81cc1dd6aab5b","inputs":{"x":7}}',2773534973);
INSERT INTO "event" VALUES(220,7,2,'main','branch.started',1700000140000000,'{"step":"take"}',1879164859);
INSERT INTO "event" VALUES(221,7,3,'main/take','activation.started',1700000140000000,'{"kind":"activity","node":"take","step":"take","input":{"x":7},"store":"first","undo":"give_back"}',642885193);
INSERT INTO "event" VALUES(222,7,4,'main/take','activation.completed',1700000140000000,'{"result":7}',2465572516);
INSERT INTO "event" VALUES(223,7,5,'main/more','activation.started',1700000140000000,'{"kind":"map","node":"more","step":"more","input":{"items":[1,2],"bodies":[["activity","take","give_back"]],"limit":1,"on_error":"wait"},"store":"more"}',2689362619);
INSERT INTO "event" VALUES(224,7,6,'main/more','items.started',1700000140000000,'{"first":0,"count":1,"bare":true}',3146812563);
INSERT INTO "event" VALUES(225,7,7,'main/more[0]','activation.completed',1700000140000000,'{"result":1}',2563663201);
INSERT INTO "event" VALUES(226,7,8,'main/more','items.started',1700000140000000,'{"first":1,"count":1,"bare":true}',15458244);
INSERT INTO "event" VALUES(227,7,9,'main/more[1]','activation.completed',1700000140000000,'{"result":2}',2781931139);
INSERT INTO "event" VALUES(228,7,10,'main/more','activation.completed',1700000140000000,'{}',2358233980);
INSERT INTO "event" VALUES(229,7,11,'main/refuse','activation.started',1700000140000000,'{"kind":"activity","node":"refuse","step":"refuse","input":{},"store":"refuse"}',2033891846);
INSERT INTO "event" VALUES(230,7,12,'main/refuse','activation.failed',1700000140000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',1477190863);
INSERT INTO "event" VALUES(231,7,13,'main','branch.failed',1700000140000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',77397089);
INSERT INTO "event" VALUES(232,7,14,'','compensation.started',1700000140000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',2665909760);
INSERT INTO "event" VALUES(233,7,15,'undo#3','activation.started',1700000140000000,'{"kind":"activity","node":"give_back","step":"main/more[1]","input":{"result":2}}',788577062);
INSERT INTO "event" VALUES(234,7,16,'undo#3','activation.completed',1700000140000000,'{"result":-2}',3858880728);
INSERT INTO "event" VALUES(235,7,17,'undo#2','activation.started',1700000140000000,'{"kind":"activity","node":"give_back","step":"main/more[0]","input":{"result":1}}',1089724809);
INSERT INTO "event" VALUES(236,7,18,'undo#2','activation.completed',1700000140000000,'{"result":-1}',2158460294);
INSERT INTO "event" VALUES(237,7,19,'undo#1','activation.started',1700000140000000,'{"kind":"activity","node":"give_back","step":"main/take","input":{"result":7}}',903950804);
INSERT INTO "event" VALUES(238,7,20,'undo#1','activation.completed',1700000140000000,'{"result":-7}',871020223);
INSERT INTO "event" VALUES(239,7,21,'','execution.failed',1700000140000000,'{"error":{"type":"activity_failed","message":"no","exceptions":["builtins:PermissionError","builtins:OSError","builtins:Exception","builtins:BaseException"],"traceback":"Traceback (most recent call last):\n  File \"/tmp/h/wt-trust/actorflow/runtime/jobs.py\", line 103, in outcome\n    value = self.bound.activity.fn(*args, **kwargs)\n            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  File \"/tmp/h/wt-trust/tests/histories/definitions.py\", line 28, in refuse\n    raise PermissionError(\"no\")\nPermissionError: no\n","address":"main/refuse","node":"refuse"}}',3872549408);
INSERT INTO "event" VALUES(240,8,1,'','execution.started',1700000140000000,'{"workflow":"node","fingerprint":"7a96f97421bad059","inputs":{"x":4}}',907040);
INSERT INTO "event" VALUES(241,8,2,'main','branch.started',1700000140000000,'{"step":"node"}',891242609);
INSERT INTO "event" VALUES(242,8,3,'main/node','activation.started',1700000140000000,'{"kind":"dynamic","node":"node","step":"node","input":{"x":4},"store":"result"}',3257871345);
INSERT INTO "event" VALUES(243,8,4,'main/node/double#1','activation.started',1700000140000000,'{"kind":"activity","node":"double","input":{"*":{"args":[4],"kwargs":{}}}}',4287034687);
INSERT INTO "event" VALUES(244,8,5,'main/node/add#2','activation.started',1700000140000000,'{"kind":"activity","node":"add","input":{"*":{"args":[4,1],"kwargs":{}}}}',910002908);
INSERT INTO "event" VALUES(245,8,6,'main/node/double#1','activation.completed',1700000140000000,'{"result":8}',68399377);
INSERT INTO "event" VALUES(246,8,7,'main/node/add#2','activation.completed',1700000140000000,'{"result":5}',1193142750);
INSERT INTO "event" VALUES(247,8,8,'main/node/timer#3','activation.started',1700000140000000,'{"kind":"sleep","node":"timer"}',637678646);
INSERT INTO "event" VALUES(248,8,9,'main/node/timer#3','wait.started',1700000140000000,'{"wait":0,"kind":"time","deadline":1700000150.0}',1187474961);
INSERT INTO "event" VALUES(249,8,10,'main/node','value.emitted',1700000140000000,'{"value":{"first":8}}',3535958659);
CREATE TABLE inbox (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,    -- order of posting
    stream    INTEGER NOT NULL REFERENCES stream (id),
    command   TEXT    NOT NULL,                     -- signal | pause | cancel | ...
    data      TEXT    NOT NULL CHECK (json_valid(data)),
    key       TEXT,                                 -- a second row with it is not stored
    posted_at INTEGER NOT NULL,
    checksum  INTEGER,  -- CRC-32 of command, data, key; an older log has none
    UNIQUE (stream, key)
) STRICT;
CREATE TABLE owner (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    label      TEXT    NOT NULL,                    -- who it is, for people
    host       TEXT    NOT NULL,                    -- where its side file can be locked
    opened_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL                     -- the end of its lease
) STRICT;
CREATE TABLE retention (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    reason TEXT    NOT NULL CHECK (reason <> '')
) STRICT;
CREATE TABLE snapshot (
    stream     INTEGER NOT NULL REFERENCES stream (id),
    seq        INTEGER NOT NULL CHECK (seq >= 0),   -- the state as of this event
    format     TEXT    NOT NULL,                    -- the shape of the state
    data       TEXT    NOT NULL CHECK (json_valid(data)),
    checksum   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE stream (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, even once pruned
    kind        TEXT    NOT NULL CHECK (kind <> ''),           -- execution | actor
    name        TEXT    NOT NULL,
    type        TEXT    NOT NULL,                   -- the workflow, or the actor's class
    head        INTEGER NOT NULL CHECK (head >= 0),            -- seq of its last event
    epoch       INTEGER NOT NULL CHECK (epoch > 0),            -- grows with each claim
    owner       INTEGER REFERENCES owner (id),                 -- NULL: nobody
    status      TEXT    NOT NULL,
    wake_at     INTEGER,                            -- when it wants to be woken, if ever
    waits       TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(waits)),
    attributes  TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(attributes)),
    fingerprint TEXT,                               -- of the definition
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    tags        TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),  -- sorted
    rank        INTEGER,                            -- its place in the queue, if in it
    parent      TEXT,                               -- the execution it was started for
    UNIQUE (kind, name)
) STRICT;
INSERT INTO "stream" VALUES(1,'execution','graph','graph',45,2,NULL,'completed',NULL,'[]','{}','b7c2f3faccf80ae4',1700000000000000,1700000060000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(2,'execution','everything','everything',74,2,NULL,'completed',NULL,'[]','{}','7411ef5d096088aa',1700000060000000,1700000095000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(3,'execution','saga','saga',21,1,NULL,'failed',NULL,'[]','{}','4eb81cc1dd6aab5b',1700000095000000,1700000095000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(4,'execution','node','node',35,1,NULL,'completed',NULL,'[]','{}','7a96f97421bad059',1700000095000000,1700000125000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(5,'execution','graph-open','graph',27,1,NULL,'suspended',1700000185000000,'[{"address":"fails/sleep","kind":"time"},{"address":"tries/agent","kind":"signal","topic":"advice"}]','{}','b7c2f3faccf80ae4',1700000125000000,1700000140000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(6,'execution','everything-open','everything',16,1,NULL,'suspended',1700000170000000,'[{"address":"main/items[0]/main/sleep","kind":"time"},{"address":"main/items[1]/main/item-${x}","kind":"signal","topic":"item-2"}]','{}','7411ef5d096088aa',1700000140000000,1700000140000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(7,'execution','saga-open','saga',21,1,NULL,'failed',NULL,'[]','{}','4eb81cc1dd6aab5b',1700000140000000,1700000140000000,'[]',NULL,NULL);
INSERT INTO "stream" VALUES(8,'execution','node-open','node',10,1,NULL,'suspended',1700000150000000,'[{"address":"main/node/timer#3","kind":"time"}]','{}','7a96f97421bad059',1700000140000000,1700000140000000,'[]',NULL,NULL);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX stream_by_creation ON stream (kind, created_at);
CREATE INDEX stream_by_status ON stream (kind, status, created_at);
CREATE INDEX stream_by_type ON stream (kind, type, created_at);
CREATE INDEX stream_left_behind ON stream (owner, kind, status, type);
CREATE INDEX stream_to_wake ON stream (kind, owner, type, wake_at)
WHERE wake_at IS NOT NULL;
CREATE INDEX stream_in_queue ON stream (kind, type, tags, rank) WHERE rank IS NOT NULL;
CREATE INDEX stream_by_parent ON stream (kind, parent, created_at)
WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX event_in_stream ON event (stream, seq);
CREATE TRIGGER event_is_never_updated
BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are facts: they are never updated');
END;
CREATE TRIGGER event_is_deleted_only_by_retention
BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM retention)
BEGIN
    SELECT RAISE(ABORT, 'events are facts: only retention deletes them');
END;
CREATE INDEX attribute_of_stream ON attribute (stream);
CREATE TRIGGER attributes_of_new_stream
AFTER INSERT ON stream WHEN NEW.attributes <> '{}'
BEGIN
    INSERT INTO attribute (key, value, stream)
    SELECT key, CASE type WHEN 'text' THEN json_quote(atom)
        WHEN 'integer' THEN atom WHEN 'real' THEN atom ELSE type END, NEW.id
    FROM json_each(NEW.attributes) WHERE type NOT IN ('array', 'object');
END;
CREATE TRIGGER attributes_of_changed_stream
AFTER UPDATE OF attributes ON stream WHEN NEW.attributes <> OLD.attributes
BEGIN
    DELETE FROM attribute WHERE stream = NEW.id;
    INSERT INTO attribute (key, value, stream)
    SELECT key, CASE type WHEN 'text' THEN json_quote(atom)
        WHEN 'integer' THEN atom WHEN 'real' THEN atom ELSE type END, NEW.id
    FROM json_each(NEW.attributes) WHERE type NOT IN ('array', 'object');
END;
CREATE VIEW execution AS
SELECT
    stream.name AS id,
    stream.type AS workflow,
    stream.status,
    stream.head AS events,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.created_at / 1e6, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.updated_at / 1e6, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.wake_at / 1e6, 'unixepoch') AS wake_at,
    stream.waits,
    stream.attributes,
    owner.label AS owner,
    stream.parent
FROM stream LEFT JOIN owner ON owner.id = stream.owner
WHERE stream.kind = 'execution';
CREATE VIEW history AS
SELECT
    event.position,
    stream.kind,
    stream.name AS stream,
    event.seq,
    strftime('%Y-%m-%dT%H:%M:%fZ', event.time / 1e6, 'unixepoch') AS time,
    event.address,
    event.type,
    event.data
FROM event JOIN stream ON stream.id = event.stream;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('owner',1);
INSERT INTO "sqlite_sequence" VALUES('stream',8);
COMMIT;
