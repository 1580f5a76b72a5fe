-- Where an agent's newest X.509-SVID stands: to search for it among all that it holds costs every line of a list a page or more.
ALTER TABLE agent ADD COLUMN svid INTEGER;

-- Kind 0 is an X.509-SVID. Of what is filed, the newest of each holder is looked up: a pass would read every workload's too.
UPDATE agent SET svid = (
  SELECT max((SELECT c.idx FROM held_credential l CROSS JOIN credential c ON c.idx = l.idx
                WHERE l.holder = h.id AND c.kind = 0 ORDER BY l.idx DESC LIMIT 1))
    FROM holder h INDEXED BY holder_subject WHERE h.subject = agent.spiffe_id);

-- What is not filed is newer than all that is, and stands in no order: one pass for all agents.
UPDATE agent SET svid = newest.idx
  FROM (SELECT h.subject AS subject, max(c.idx) AS idx FROM credential c CROSS JOIN holder h ON h.id = c.holder
          WHERE c.idx >= (SELECT below FROM filing WHERE id = 1) AND c.kind = 0 GROUP BY h.subject) AS newest
  WHERE newest.subject = agent.spiffe_id;
