-- Courses and regions of the races in `batch`. Both feeds use this file.

INSERT INTO public.ra_mst_regions (region_code, region)
SELECT DISTINCT doc ->> 'region', CASE doc ->> 'region' WHEN 'GB' THEN 'Great Britain' WHEN 'IRE' THEN 'Ireland' END
FROM batch
WHERE doc ->> 'region' <> ''
ORDER BY 1
ON CONFLICT (region_code) DO NOTHING;

INSERT INTO public.ra_mst_courses AS known (course_id, course, region_code, as_of)
SELECT DISTINCT ON (doc ->> 'course_id')
    doc ->> 'course_id', doc ->> 'course', doc ->> 'region', (doc ->> 'date')::date
FROM batch
WHERE doc ->> 'course_id' <> ''
ORDER BY doc ->> 'course_id', (doc ->> 'date')::date DESC, doc ->> 'course' DESC
ON CONFLICT (course_id) DO UPDATE
SET course = EXCLUDED.course, region_code = EXCLUDED.region_code, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.course) > (known.as_of, known.course);
