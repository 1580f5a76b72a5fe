-- Where an agent's newest X.509-SVID stands: to search for it among all that it holds costs every line of a list a page or more.
ALTER TABLE agent ADD COLUMN svid INTEGER;

-- Kind 0 is an X.509-SVID. What is not filed is newer than all that is.
UPDATE agent SET svid = coalesce(
  (SELECT max(c.idx) FROM credential c WHERE c.idx >= (SELECT below FROM filing WHERE id = 1) AND c.kind = 0
     AND c.holder IN (SELECT id FROM holder WHERE subject = agent.spiffe_id)),
  (SELECT max(c.idx) FROM holder h CROSS JOIN held_credential l ON l.holder = h.id CROSS JOIN credential c ON c.idx = l.idx
     WHERE h.subject = agent.spiffe_id AND c.kind = 0));
