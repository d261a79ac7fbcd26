-- Runs the constraints and triggers that wait for the end of the transaction, and has those that follow run at once.
--
-- They are the user's, and run with the search path that holds now.
SET CONSTRAINTS ALL IMMEDIATE
